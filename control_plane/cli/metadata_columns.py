"""Columns that say where rows come from, as options of a command say them: KIND, or KIND=NAME."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from autoloader.v1 import ingestions_pb2 as pb

_PREFIX = "KIND_"
# The words of the API as a command line spells them, such as source-file.
_KINDS = {
    name.removeprefix(_PREFIX).lower().replace("_", "-"): number
    for name, number in pb.MetadataColumn.Kind.items()
    if number
}

MetadataColumnOption = Annotated[
    list[str] | None,
    typer.Option(
        "--metadata-column",
        metavar="KIND[=NAME]",
        help=f"Column that says where a row comes from, again for each: {', '.join(_KINDS)}.",
    ),
]


def metadata_columns_of(options: Sequence[str]) -> list[pb.MetadataColumn]:
    """The columns as the API has them. Raises typer.BadParameter for a kind that is none."""
    columns = []
    for option in options:
        kind, _, name = option.partition("=")
        if kind not in _KINDS:
            raise typer.BadParameter(f"--metadata-column {option}: write one of {', '.join(_KINDS)}, or KIND=NAME")
        columns.append(pb.MetadataColumn(kind=_KINDS[kind], name=name))
    return columns
