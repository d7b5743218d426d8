"""`python -m executor`: reads the settings, and runs until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import sys

from executor import app, log
from executor.parent import exit_with_parent
from executor.settings import SettingsRefused, read_settings

EXIT_SETTINGS = 2


def main() -> int:
    try:
        settings = read_settings()
    except SettingsRefused as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_SETTINGS
    if settings.exit_with_parent:
        exit_with_parent()
    # Else it tells the terminal of every process that Spark forks.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    log.configure(format=settings.log_format, level=settings.log_level)
    return asyncio.run(app.run(settings))


if __name__ == "__main__":
    sys.exit(main())
