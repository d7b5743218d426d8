"""Pages of lists: how many, from where on, and the signed token of the next one."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from google.protobuf.message import Message

from control_plane.errors import InvalidField, PageTokenInvalid, Violation

PAGE_SIZE_MAX = 1_000
# A message holds 4 MiB; a page of long names and long errors ends earlier than its size says.
PAGE_BYTES_MAX = 3 * 1024**2
_SIGNATURE_BYTES = 16

Row = TypeVar("Row")
MessageT = TypeVar("MessageT", bound=Message)


class ListRequest(Protocol):
    """What every request for a list has."""

    page_size: int
    page_token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page to fill: `size` rows after the row that `cursor` names, from the start when it is empty."""

    size: int
    cursor: str
    scope: bytes
    key: bytes

    @property
    def limit(self) -> int:
        """How many rows to read: one more than fit, which tells whether there is a next page."""
        return self.size + 1

    def fill(
        self,
        rows: Sequence[Row],
        *,
        message: Callable[[Row], MessageT],
        cursor: Callable[[Row], str],
    ) -> tuple[list[MessageT], str]:
        """Gives the page's messages and the token of the next page, which is empty on the last."""
        messages: list[MessageT] = []
        size_bytes = 0
        for row in rows[: self.size]:
            following = message(row)
            size_bytes += following.ByteSize()
            if messages and size_bytes > PAGE_BYTES_MAX:
                break
            messages.append(following)
        if len(messages) == len(rows):
            return messages, ""
        return messages, self._token(cursor(rows[len(messages) - 1]))

    def _token(self, cursor: str) -> str:
        signed = _signature(self.key, self.scope, cursor.encode()) + cursor.encode()
        return base64.urlsafe_b64encode(signed).decode().rstrip("=")


class Pages:
    """Reads what a request says of pages. Tokens hold for one method, parent, filter and ledger."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def read(self, request: ListRequest, *scope: str, default_size: int) -> Page:
        """Gives the page that is asked for; `scope` is the method, the tenant, the parent and the filter.

        Raises InvalidField for a negative size, PageTokenInvalid for a token made for another list.
        """
        if request.page_size < 0:
            raise InvalidField(Violation("page_size", f"{request.page_size} is negative"))
        bound = json.dumps(scope).encode()
        return Page(
            size=min(request.page_size or default_size, PAGE_SIZE_MAX),
            cursor=self._cursor(request.page_token, bound),
            scope=bound,
            key=self._key,
        )

    def _cursor(self, token: str, scope: bytes) -> str:
        if not token:
            return ""
        try:
            signed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (ValueError, binascii.Error):
            signed = b""
        signature, cursor = signed[:_SIGNATURE_BYTES], signed[_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, _signature(self._key, scope, cursor)):
            raise PageTokenInvalid("the page token was made for another list, filter or server; start without one")
        return cursor.decode()


def _signature(key: bytes, scope: bytes, cursor: bytes) -> bytes:
    parts = len(scope).to_bytes(8, "big") + scope + cursor
    return hmac.digest(key, parts, hashlib.sha256)[:_SIGNATURE_BYTES]
