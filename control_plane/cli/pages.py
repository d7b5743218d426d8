"""Follows the pages of a list until there are as many resources as wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Any

import typer
from google.protobuf.message import Message

from control_plane.cli.client import CALL_SECONDS

PAGE_SIZE_MAX = 1_000

LimitOption = Annotated[int, typer.Option(min=1, help="Most resources to list.")]
FilterOption = Annotated[
    str, typer.Option("--filter", help="Which of them: conditions with AND, OR, NOT. Example: state = FAILED")
]


def follow(call: Callable[..., Any], request: Any, *, field: str, limit: int) -> Iterator[Message]:
    """Lists up to `limit` resources, which stand in `field` of each response."""
    remaining = limit
    while remaining > 0:
        request.page_size = min(remaining, PAGE_SIZE_MAX)
        page = call(request, timeout=CALL_SECONDS)
        found: Iterable[Message] = getattr(page, field)
        for message in found:
            yield message
            remaining -= 1
        request.page_token = page.next_page_token
        if not page.next_page_token:
            return
