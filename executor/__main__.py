"""`python -m executor`: reads the settings, and runs until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import sys

from executor import log
from executor.parent import exit_with_parent
from executor.settings import Settings, SettingsRefused, read_settings

EXIT_SETTINGS = 2


def main() -> int:
    try:
        settings = read_settings()
    except SettingsRefused as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_SETTINGS
    if settings.exit_with_parent:
        exit_with_parent()
    log.configure(format=settings.log_format, level=settings.log_level)
    return _run(settings)


def _run(settings: Settings) -> int:
    # Starting Spark forks, and gRPC's handlers may abort the fork before it becomes Java. They are not
    # needed, since a fork of ours only ever becomes another program. gRPC reads this when imported.
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
    from executor import app

    return asyncio.run(app.run(settings))


if __name__ == "__main__":
    sys.exit(main())
