"""What the ledger remembers of calls with a request id: their replies, for 24 hours."""

from __future__ import annotations

from sqlalchemy import ColumnElement, delete, func, insert, select, text

from control_plane.errors import RequestIdReused
from control_plane.ledger.database import Connection
from control_plane.ledger.tables import requests

KEPT = text("interval '24 hours'")


async def reply(
    connection: Connection, *, tenant: str, method: str, request_id: str, payload_hash: bytes
) -> bytes | None:
    """The reply to an earlier call with this id and payload. Raises RequestIdReused for another payload.

    Locks the id until the transaction ends, so that of two calls at once the second finds the first one's reply.
    """
    await lock_request(connection, f"{tenant}/{method}/{request_id}")
    found = (
        await connection.execute(
            select(requests.c.payload_hash, requests.c.response).where(
                *_key(tenant, method, request_id), requests.c.create_time > func.now() - KEPT
            )
        )
    ).one_or_none()
    if found is None:
        return None
    if found.payload_hash != payload_hash:
        raise RequestIdReused(
            f"The request id {request_id!r} was used for another request; use a fresh one.",
            request_id=request_id,
        )
    return bytes(found.response)


async def store(
    connection: Connection,
    *,
    tenant: str,
    method: str,
    request_id: str,
    payload_hash: bytes,
    response: bytes,
) -> None:
    """Keeps the reply, in the transaction of the effect."""
    await connection.execute(delete(requests).where(*_key(tenant, method, request_id)))
    await connection.execute(
        insert(requests).values(
            tenant=tenant,
            method=method,
            request_id=request_id,
            payload_hash=payload_hash,
            response=response,
        )
    )


async def lock_request(connection: Connection, name: str) -> None:
    """Keeps a second call of the same request waiting until this transaction ends."""
    await connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"request/{name}", 0))))


async def prune(connection: Connection) -> None:
    """Forgets replies older than 24 hours."""
    await connection.execute(delete(requests).where(requests.c.create_time < func.now() - KEPT))


def _key(tenant: str, method: str, request_id: str) -> tuple[ColumnElement[bool], ...]:
    return (
        requests.c.tenant == tenant,
        requests.c.method == method,
        requests.c.request_id == request_id,
    )
