"""Resource names, as people write them: whole, or without what can be filled in."""

from __future__ import annotations

from typing import Annotated

import typer

IngestionArgument = Annotated[str, typer.Argument(metavar="INGESTION", help="Its id, or ingestions/ID.")]
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="ingestions/ID/runs/RUN, or ID/RUN.")]
FileArgument = Annotated[str, typer.Argument(metavar="FILE", help="ingestions/ID/files/FILE, or ID/FILE.")]


def name_of(ingestion: str) -> str:
    """`orders` is `ingestions/orders`."""
    return ingestion if ingestion.startswith("ingestions/") else f"ingestions/{ingestion}"


def name_within(name: str, collection: str) -> str:
    """`orders/7` in `runs` is `ingestions/orders/runs/7`."""
    if name.startswith("ingestions/"):
        return name
    ingestion, _, last = name.partition("/")
    return f"ingestions/{ingestion}/{collection}/{last}"
