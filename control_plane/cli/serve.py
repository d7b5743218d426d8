"""The services by themselves: `serve`, `migrate`, `execute`, `check` and `make-key`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from pydantic import SecretStr
from rich.table import Table

from control_plane import log
from control_plane.app import App
from control_plane.cli.show import console
from control_plane.errors import AutoloaderError
from control_plane.ledger.database import Database, UnsafeServer
from control_plane.ledger.migrate import migrate as migrate_ledger
from control_plane.settings import (
    LedgerSettings,
    Settings,
    SettingsRefused,
    origin_of,
    read_settings,
)
from control_plane.vault import VaultError, load_key
from control_plane.vault import make_key as make_sealing_key

EXIT_SETTINGS = 2

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="TOML file of settings; AUTOLOADER_* variables win over it."),
]
Kind = TypeVar("Kind", bound=LedgerSettings)


def serve(config: ConfigOption = None) -> None:
    """Runs a control plane until SIGTERM or Ctrl-C; a second one stops it at once."""
    settings = _read(Settings, config)
    log.configure(format=settings.log_format, level=settings.log_level)
    try:
        asyncio.run(_serve(settings))
    except (AutoloaderError, UnsafeServer, VaultError) as error:
        raise _failure(error) from None


def migrate(config: ConfigOption = None) -> None:
    """Brings the ledger's database to this version's schema; may be repeated."""
    settings = _read(LedgerSettings, config)
    log.configure(format=settings.log_format, level=settings.log_level)
    asyncio.run(migrate_ledger(settings.database_url.get_secret_value()))
    typer.echo("The ledger has the newest schema.")


def execute() -> None:
    """Runs an executor in this process, by AUTOLOADER_EXECUTOR_* variables."""
    os.execv(sys.executable, [sys.executable, "-m", "executor"])


def check(config: ConfigOption = None) -> None:
    """Shows the effective settings, redacted, and what is wrong with them; exits 1 if anything is."""
    settings = _read(Settings, config)
    table = Table("SETTING", "VALUE", "FROM", box=None, pad_edge=False, header_style="bold")
    for key, value in settings.model_dump().items():
        table.add_row(key, _redacted(value), origin_of(key, file=config))
    console().print(table)
    wrong = [*_wrong_with_key(settings), *asyncio.run(_wrong_with_ledger(settings))]
    for line in wrong:
        typer.secho(line, fg=typer.colors.RED, err=True)
    raise typer.Exit(1 if wrong else 0)


def make_key(path: Annotated[Path, typer.Argument(help="File to write; must not exist.")]) -> None:
    """Makes the key that seals stored credentials. Keep it: without it they cannot be opened."""
    try:
        make_sealing_key(path)
    except (VaultError, OSError) as error:
        raise _failure(error) from None


async def _serve(settings: Settings) -> None:
    stopping = asyncio.Event()

    def on_signal(number: int) -> None:
        if stopping.is_set():
            os._exit(128 + number)
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_signal, number)
    async with App(settings):
        await stopping.wait()


def _read(kind: type[Kind], config: Path | None) -> Kind:
    try:
        return read_settings(kind, file=config)
    except SettingsRefused as refused:
        typer.secho(str(refused), fg=typer.colors.RED, err=True)
        raise typer.Exit(EXIT_SETTINGS) from None


def _failure(error: Exception) -> typer.Exit:
    typer.secho(str(error), fg=typer.colors.RED, err=True)
    return typer.Exit(1)


def _redacted(value: object) -> str:
    if isinstance(value, frozenset):
        return ", ".join(sorted(map(str, value)))
    return "(set, not shown)" if isinstance(value, SecretStr) else str(value)


def _wrong_with_key(settings: Settings) -> list[str]:
    try:
        load_key(settings.sealing_key_file)
    except VaultError as error:
        return [str(error)]
    return []


async def _wrong_with_ledger(settings: Settings) -> list[str]:
    database = Database(settings.database_url.get_secret_value())
    try:
        await database.refuse_unsafe_server()
    except (AutoloaderError, UnsafeServer) as error:
        return [str(error)]
    finally:
        await database.close()
    return []
