"""`autoloader audit` and `autoloader reconcile`: compare the ledger with a table, and give it back what it forgot."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from control_plane.cli.client import failure
from control_plane.cli.names import IngestionArgument
from control_plane.embedded.executor import EXECUTOR_LOG, PREFIX, run_command
from control_plane.embedded.warehouse import Warehouse

if TYPE_CHECKING:
    from control_plane.embedded.machine import Machine

# What the executor's commands say when there is nothing to compare.
EXIT_UNREACHED = 2

ServerOption = Annotated[
    str, typer.Option("--server", metavar="HOST:PORT", help="Control plane to talk to. Default: the executor's.")
]
DataOption = Annotated[
    Path | None,
    typer.Option(help="Folder of a machine's own tables. Without --server, a control plane is started on it."),
]


def audit(ingestion: IngestionArgument, server: ServerOption = "", data: DataOption = None) -> None:
    """Compares the ledger with an ingestion's table; exits 1 if they differ.

    Reaches the table as an executor does, by AUTOLOADER_EXECUTOR_* variables, and changes nothing.
    """
    _run(["audit", ingestion], server=server, data=data)


def reconcile(
    ingestion: IngestionArgument,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    accept: Annotated[
        list[str] | None, typer.Option(metavar="LEASE", help="A lease whose rows are in the table, by your word.")
    ] = None,
    server: ServerOption = "",
    data: DataOption = None,
) -> None:
    """Gives the ledger back the leases of a table that it forgot; exits 1 if something is left to look at.

    Reaches the table as an executor does, by AUTOLOADER_EXECUTOR_* variables. May be repeated.
    """
    words = ["reconcile", ingestion, *(["--dry-run"] if dry_run else [])]
    _run([*words, *(f"--accept={lease}" for lease in accept or ())], server=server, data=data)


def _run(words: Sequence[str], *, server: str, data: Path | None) -> None:
    """Ends with the exit code of the executor's command."""
    if data is None:
        given = {f"{PREFIX}CONTROL_PLANE": server} if server else {}
        os.execve(sys.executable, [sys.executable, "-m", "executor", *words], os.environ | given)
    if server:
        raise _exit(asyncio.run(_call(words, folder=data.expanduser().absolute(), server=server)), data)
    # Takes a second, which those who only talk to a server should not wait for.
    from control_plane.cli.on_machine import on_machine

    raise _exit(on_machine(data, lambda machine: _call_on(machine, words), loads=False), data)


async def _call_on(machine: Machine, words: Sequence[str]) -> int:
    return await _call(words, folder=machine.folder, server=machine.address)


async def _call(words: Sequence[str], *, folder: Path, server: str) -> int:
    return await run_command(words, Warehouse(folder).executor_settings(server), log=folder / EXECUTOR_LOG)


def _exit(code: int, data: Path) -> typer.Exit:
    if code == EXIT_UNREACHED:
        failure(f"The ledger or the table cannot be reached; {data / EXECUTOR_LOG} says why.")
    return typer.Exit(code)
