"""`autoloader demo`: the story of new files and an unchanged rest, told by the ledger and by the table."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import typer
from autoloader.v1 import files_pb2, runs_pb2
from autoloader.v1.files_pb2_grpc import FileServiceStub
from rich.console import Console

from control_plane.cli.client import failure, open_channel
from control_plane.cli.data_folder import DEFAULT_DATA, DataOption
from control_plane.cli.dev import DEFAULT_PORTS, hints
from control_plane.cli.one_pass import load
from control_plane.cli.progress import RunProgress
from control_plane.cli.report import counts_of, outcome_of, report
from control_plane.cli.samples import RECORDS_PER_FILE, write_samples
from control_plane.cli.wanted import Wanted
from control_plane.embedded.ports import HOST

if TYPE_CHECKING:
    from control_plane.embedded.machine import Machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where a demo plays: never where another one has played."""

    folder: Path
    table: str


def demo(data: DataOption = DEFAULT_DATA) -> None:
    """Makes sample files, loads them, adds two, loads again, and shows what the table has."""
    # Takes a second, which those who only talk to a server should not wait for.
    from control_plane.cli.on_machine import on_machine

    on_machine(data, _tell)


async def _tell(machine: Machine) -> None:
    stage = _free_stage(machine.folder / "demo")
    async with open_channel(machine.address) as channel:
        _say(f"1. Three new files in {stage.folder}, of {RECORDS_PER_FILE:,} records each")
        await _scene(machine, channel, stage, numbers=range(0, 3))
        _say("2. Two more files beside them")
        ingestion = await _scene(machine, channel, stage, numbers=range(3, 5))
    _say("The first three were not loaded again: that would have made 8,000 rows.")
    _say(machine.warehouse.reading_lines(stage.table))
    _say(f"To look around, keep it running: autoloader dev --data {machine.folder}")
    for line in hints(f"{HOST}:{DEFAULT_PORTS.grpc}", ingestion):
        typer.echo(f"  {line}")
    typer.echo(f"  curl -s http://{HOST}:{DEFAULT_PORTS.metrics}/metrics | grep autoloader_files_total")


def _free_stage(folder: Path) -> Stage:
    for number in count(1):
        name = "events" if number == 1 else f"events_{number}"
        if not (folder / name).exists():
            return Stage(folder=folder / name, table=f"demo.{name}")
    raise AssertionError("numbers do not end")


async def _scene(machine: Machine, channel: grpc.aio.Channel, stage: Stage, *, numbers: range) -> str:
    """Adds files, loads what is new, and compares the ledger with the table; answers the ingestion."""
    write_samples(stage.folder, numbers)
    run = await _load(machine, channel, stage)
    parent = run.name.rpartition("/runs/")[0]
    request = files_pb2.SummarizeFilesRequest(parent=parent)
    summaries = (await FileServiceStub(channel).SummarizeFiles(request)).summaries
    in_ledger = sum(each.records_written for each in summaries)
    rows, ids = await asyncio.to_thread(_read, machine, stage.table)
    typer.echo(f"   the run      {outcome_of(run)}")
    typer.echo(f"   the ledger   {counts_of(summaries)} files, {in_ledger:,} records")
    typer.echo(f"   the table    {rows:,} rows, {ids:,} distinct ids, as PyIceberg reads it")
    expected = numbers.stop * RECORDS_PER_FILE
    if {in_ledger, rows, ids} != {expected}:
        raise failure(f"These should all be {expected:,}; the logs are in {machine.folder}.")
    return parent.removeprefix("ingestions/")


async def _load(machine: Machine, channel: grpc.aio.Channel, stage: Stage) -> runs_pb2.Run:
    """Ends the command when something could not be loaded, and says why."""
    wanted = Wanted(source=f"file://{stage.folder}", table=stage.table)
    with RunProgress(Console(stderr=True)) as progress:
        runs = await load(channel, wanted, show=progress.show)
    if runs[-1].state != runs_pb2.Run.STATE_SUCCEEDED:
        lines = await report(channel, runs, reading="")
        raise failure("\n".join([*lines, f"The logs are in {machine.folder}."]))
    return runs[-1]


def _read(machine: Machine, table: str) -> tuple[int, int]:
    """Rows and distinct ids, by a reader that knows nothing of Autoloader."""
    column = machine.warehouse.open().load_table(table).scan(selected_fields=("id",)).to_arrow()["id"]
    return len(column), len(column.unique())


def _say(text: str) -> None:
    typer.echo(f"\n{text}")
