"""`python -m executor`: reads the settings, and runs until it is told to stop.

`python -m executor audit INGESTION` and `python -m executor reconcile INGESTION` compare tables with the ledger.
"""

from __future__ import annotations

import asyncio
import os
import sys

from executor import log
from executor.command import Command, read_command
from executor.parent import exit_with_parent
from executor.settings import Settings, SettingsRefused, read_settings

EXIT_SETTINGS = 2


def main() -> int:
    command = read_command(sys.argv[1:])
    try:
        settings = read_settings()
    except SettingsRefused as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_SETTINGS
    if settings.exit_with_parent:
        exit_with_parent()
    log.configure(format=settings.log_format, level=settings.log_level)
    return _run(settings, command)


def _run(settings: Settings, command: Command | None) -> int:
    # Starting Spark forks, and gRPC's handlers may abort the fork before it becomes Java. They are not
    # needed, since a fork of ours only ever becomes another program. gRPC reads this when imported.
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
    from executor import app, recovery

    return asyncio.run(recovery.run(settings, command) if command else app.run(settings))


if __name__ == "__main__":
    sys.exit(main())
