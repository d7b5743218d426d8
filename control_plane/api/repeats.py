"""Calls that may be repeated: the effect and its reply are stored in one transaction, under the request's id."""

from __future__ import annotations

import copy
import hmac
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from google.protobuf.message import Message

from control_plane.api.interceptors.auth import current_tenant
from control_plane.errors import InvalidField, Violation
from control_plane.ledger import requests
from control_plane.ledger.database import Connection, Database

REQUEST_ID_CHARACTERS_MAX = 100

Reply = TypeVar("Reply", bound=Message)
Effect = Callable[[Connection], Awaitable[Reply]]


class RepeatableRequest(Protocol):
    """What every mutating request has."""

    request_id: str

    def SerializeToString(self, *, deterministic: bool = ...) -> bytes: ...


class Repeats:
    """Runs effects so that a repeated call answers as the first one did, for 24 hours."""

    def __init__(self, database: Database, *, key: bytes) -> None:
        self._database = database
        self._key = key

    async def once(
        self, request: RepeatableRequest, effect: Effect[Reply], *, reply: type[Reply], dry_run: bool = False
    ) -> Reply:
        """Runs `effect` in a transaction, or answers as it did; a dry run leaves nothing behind.

        Of two calls at once with one id, the second waits for the first in the ledger. Raises RequestIdReused when
        the id belongs to another payload.
        """
        _check(request.request_id)
        if dry_run or not request.request_id:
            async with self._database.transaction(dry_run=dry_run) as connection:
                return await effect(connection)
        return await self._remembered(request, effect, reply=reply)

    async def _remembered(self, request: RepeatableRequest, effect: Effect[Reply], *, reply: type[Reply]) -> Reply:
        tenant, method = current_tenant(), type(request).__name__
        payload_hash = self._payload_hash(request)
        async with self._database.transaction() as connection:
            earlier = await requests.reply(
                connection,
                tenant=tenant,
                method=method,
                request_id=request.request_id,
                payload_hash=payload_hash,
            )
            if earlier is not None:
                return reply.FromString(earlier)
            result = await effect(connection)
            await requests.store(
                connection,
                tenant=tenant,
                method=method,
                request_id=request.request_id,
                payload_hash=payload_hash,
                response=result.SerializeToString(),
            )
            return result

    def _payload_hash(self, request: RepeatableRequest) -> bytes:
        """Hashes all but the request id, under a key: a request may hold a secret that could be guessed."""
        payload = copy.deepcopy(request)
        payload.request_id = ""
        return hmac.digest(self._key, payload.SerializeToString(deterministic=True), "sha256")


def _check(request_id: str) -> None:
    if len(request_id) > REQUEST_ID_CHARACTERS_MAX or "\0" in request_id:
        raise InvalidField(
            Violation("request_id", f"has a NUL, or more than {REQUEST_ID_CHARACTERS_MAX} characters; a uuid would do")
        )
