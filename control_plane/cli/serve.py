"""The services by themselves: `serve`, `migrate`, `execute`, `check` and `make-key`."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from pydantic import SecretStr
from rich.table import Table

from control_plane import log
from control_plane.cli.client import failure
from control_plane.cli.show import console
from control_plane.settings import (
    LedgerSettings,
    Settings,
    SettingsRefused,
    origin_of,
    read_settings,
)
from control_plane.vault import VaultError
from control_plane.vault import make_key as make_sealing_key

EXIT_SETTINGS = 2

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="TOML file of settings; AUTOLOADER_* variables win over it."),
]
Kind = TypeVar("Kind", bound=LedgerSettings)

# What the services are made of takes a second to import, which commands that only talk to a server
# should not wait for: here it is imported by those that need it.


def serve(config: ConfigOption = None) -> None:
    """Runs a control plane until SIGTERM or Ctrl-C; a second one stops it at once."""
    from control_plane.cli.service import REFUSALS, run_service

    settings = _read(Settings, config)
    try:
        asyncio.run(run_service(settings))
    except REFUSALS as error:
        raise failure(str(error)) from None


def migrate(config: ConfigOption = None) -> None:
    """Brings the ledger's database to this version's schema; may be repeated."""
    from control_plane.ledger.migrate import migrate as migrate_ledger

    settings = _read(LedgerSettings, config)
    asyncio.run(migrate_ledger(settings.database_url.get_secret_value()))
    typer.echo("The ledger has the newest schema.")


def execute() -> None:
    """Runs an executor in this process, by AUTOLOADER_EXECUTOR_* variables."""
    os.execv(sys.executable, [sys.executable, "-m", "executor"])


def check(config: ConfigOption = None) -> None:
    """Shows the effective settings, redacted, and what is wrong with them; exits 1 if anything is."""
    from control_plane.cli.service import wrong_with

    settings = _read(Settings, config)
    table = Table("SETTING", "VALUE", "FROM", box=None, pad_edge=False, header_style="bold")
    for key, value in settings.model_dump().items():
        table.add_row(key, _redacted(value), origin_of(key, file=config))
    console().print(table)
    if wrong := asyncio.run(wrong_with(settings)):
        raise failure("\n".join(wrong))


def make_key(path: Annotated[Path, typer.Argument(help="File to write; must not exist.")]) -> None:
    """Makes the key that seals stored credentials. Keep it: without it they cannot be opened."""
    try:
        make_sealing_key(path)
    except VaultError as error:
        raise failure(str(error)) from None
    except OSError as error:
        raise failure(f"{path} cannot be written: {error.strerror}") from None


def _read(kind: type[Kind], config: Path | None) -> Kind:
    try:
        settings = read_settings(kind, file=config)
    except SettingsRefused as refused:
        typer.secho(str(refused), fg=typer.colors.RED, err=True)
        raise typer.Exit(EXIT_SETTINGS) from None
    log.configure(format=settings.log_format, level=settings.log_level)
    return settings


def _redacted(value: object) -> str:
    if isinstance(value, frozenset):
        return ", ".join(sorted(map(str, value)))
    return "(set, not shown)" if isinstance(value, SecretStr) else str(value)
