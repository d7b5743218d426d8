"""Secrets that every control plane of one ledger must share."""

from __future__ import annotations

import os

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from control_plane.ledger.database import Connection
from control_plane.ledger.tables import secrets

PAGE_TOKEN_KEY = "page-token-key"


async def page_token_key(connection: Connection) -> bytes:
    """The key that signs page tokens; made by whoever asks first."""
    await connection.execute(insert(secrets).values(name=PAGE_TOKEN_KEY, value=os.urandom(32)).on_conflict_do_nothing())
    key = await connection.scalar(select(secrets.c.value).where(secrets.c.name == PAGE_TOKEN_KEY))
    return bytes(key or b"")
