"""The option that says where a machine keeps its state."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_DATA = Path("~/.autoloader")

DataOption = Annotated[Path, typer.Option(help="Folder that keeps the ledger, the tables and the logs.")]
