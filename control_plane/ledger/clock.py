"""The ledger's clock, the only one that deadlines are told by, and what its jumps made of them."""

from __future__ import annotations

from sqlalchemy import text

from control_plane.ledger.database import Connection

# A deadline that no one can have set, if the clock only ever ran, was set before it jumped back: what waits for it
# would wait for as long as the jump was.
_MENDS = (
    """
    UPDATE runs SET listing_deadline = now() + make_interval(secs => :listing)
    WHERE state IN ('PENDING', 'RUNNING') AND listing_deadline > now() + make_interval(secs => 2 * :listing)
    """,
    """
    UPDATE leases SET deadline = now() + make_interval(secs => :lease)
    WHERE holder IS NOT NULL AND deadline > now() + make_interval(secs => 2 * :lease)
    """,
    """
    UPDATE leases SET not_before = now()
    WHERE state IN ('OFFERED', 'STAGED') AND not_before > now() + make_interval(secs => 2 * :rest)
    """,
)


async def seconds(connection: Connection) -> float:
    """The ledger's time at the start of the transaction, after one round trip: PostgreSQL is there now."""
    return float((await connection.execute(text("SELECT extract(epoch FROM now())"))).scalar_one())


async def mend_deadlines(
    connection: Connection, *, lease_seconds: float, listing_seconds: float, rest_seconds: float
) -> None:
    """Brings deadlines near that lie further off than the longest lease, claim to list, or rest."""
    wanted = {"lease": lease_seconds, "listing": listing_seconds, "rest": rest_seconds}
    for mend in _MENDS:
        await connection.execute(text(mend), wanted)
