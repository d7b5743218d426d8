"""A run that is shown while it goes on."""

from __future__ import annotations

import io

from autoloader.v1.runs_pb2 import Run
from rich.console import Console

from control_plane.cli.progress import RunProgress, figures_of


def a_run() -> Run:
    run = Run(state=Run.STATE_RUNNING, files_processed=12, files_remaining=28, records_written=12_000)
    run.duration.FromMilliseconds(2_000)
    return run


def shown(console: Console) -> str:
    with RunProgress(console) as progress:
        progress.show(a_run())
        progress.show(a_run())
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_figures_are_files_records_and_rate() -> None:
    assert figures_of(a_run()) == "12/40 files · 12,000 records · 6,000 records/s"


def test_a_terminal_shows_a_bar() -> None:
    output = shown(Console(file=io.StringIO(), force_terminal=True, width=120))
    assert "Loading" in output
    assert "12/40 files" in output


def test_elsewhere_each_change_is_a_line() -> None:
    output = shown(Console(file=io.StringIO(), force_terminal=False, width=120))
    assert output == "RUNNING: 12 of 40 files, 12,000 records, 2.0 s\n"
