"""Shows a run while it goes on: a bar on a terminal, else a line whenever it changed."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from autoloader.v1 import runs_pb2 as pb
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

from control_plane.cli.runs import progress_of


class RunProgress:
    """From `async with` or `with` to its end; call `show` with each state of the run."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[figures]}", markup=False),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("Starting", total=None, figures="")
        self._shown = ""

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def say(self, what: str) -> None:
        """Tells what is done now, before there is a run."""
        self._bar.update(self._task, description=what)
        self._line(what)

    def show(self, run: pb.Run) -> None:
        """Tells how far the run is."""
        done = run.files_processed + run.files_failed + run.files_missing
        total = done + run.files_remaining
        self._bar.update(
            self._task,
            description="Loading" if total else "Listing",
            completed=done,
            total=total or None,
            figures=figures_of(run),
        )
        self._line(progress_of(run))

    def _line(self, text: str) -> None:
        if not self._console.is_terminal and text != self._shown:
            self._console.print(text)
            self._shown = text


def figures_of(run: pb.Run) -> str:
    """Files, records and rate of a run, short."""
    done = run.files_processed + run.files_failed + run.files_missing
    seconds = run.duration.ToTimedelta().total_seconds()
    rate = f" · {run.records_written / seconds:,.0f} records/s" if seconds else ""
    return f"{done:,}/{done + run.files_remaining:,} files · {run.records_written:,} records{rate}"
