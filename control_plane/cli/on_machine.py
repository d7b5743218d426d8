"""Does some work on a machine that lives as long as the command."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import grpc
import typer

from control_plane import log
from control_plane.cli.client import explain, failure
from control_plane.embedded.errors import MachineError
from control_plane.embedded.machine import CONTROL_PLANE_LOG, Machine, run_machine
from control_plane.embedded.ports import Ports
from control_plane.errors import AutoloaderError
from control_plane.ledger.database import UnsafeServer
from control_plane.vault import VaultError

EXIT_INTERRUPTED = 130

Result = TypeVar("Result")
Work = Callable[[Machine], Coroutine[Any, Any, Result]]


def on_machine(data: Path, work: Work[Result], *, ports: Ports | None = None, loads: bool = True) -> Result:
    """Starts a machine on a data folder, does the work, ends the machine.

    What goes wrong ends the command with exit code 1 and a sentence; Ctrl-C, with 130, after the
    work has cleaned up.
    """
    folder = data.expanduser().absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise failure(f"{folder} cannot be made: {error.strerror}") from None
    typer.echo(f"Starting on {folder} (the first start takes a minute) …", err=True)
    with (folder / CONTROL_PLANE_LOG).open("a") as stream:
        log.configure(format="json", level="info", stream=stream)
        try:
            return asyncio.run(_work(folder, work, ports=ports or Ports(), loads=loads))
        except KeyboardInterrupt:
            typer.echo("Interrupted.", err=True)
            raise typer.Exit(EXIT_INTERRUPTED) from None
        except (MachineError, AutoloaderError, UnsafeServer, VaultError) as error:
            raise failure(str(error)) from None
        except grpc.RpcError as error:
            raise failure(explain(error, "this machine")) from None


async def _work(folder: Path, work: Work[Result], *, ports: Ports, loads: bool) -> Result:
    async with run_machine(folder, ports=ports, loads=loads) as machine:
        return await machine.run(work(machine))
