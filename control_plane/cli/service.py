"""Runs a control plane until it is told to stop, and looks what would keep one from running."""

from __future__ import annotations

import asyncio
import os
import signal

from control_plane.api.server import AddressTaken
from control_plane.app import App
from control_plane.errors import AutoloaderError
from control_plane.ledger.database import Database, UnsafeServer
from control_plane.ledger.migrate import WrongSchema
from control_plane.settings import Settings
from control_plane.vault import VaultError, load_key

# What says by itself why there is no service.
REFUSALS = (AddressTaken, AutoloaderError, UnsafeServer, VaultError, WrongSchema)


async def run_service(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT, then drains; a second one ends the process at once."""
    stopping = asyncio.Event()

    def on_signal(number: int) -> None:
        if stopping.is_set():
            os._exit(128 + number)
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_signal, number)
    async with App(settings):
        await stopping.wait()


async def wrong_with(settings: Settings) -> list[str]:
    """What would keep a control plane with these settings from running, a sentence each."""
    return [*_wrong_with_key(settings), *await _wrong_with_ledger(settings)]


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
