"""The end of a lease: every file of it moves in the statement that ends it, or nothing does."""

from __future__ import annotations

from collections.abc import Sequence

from control_plane.ledger.database import Connection
from control_plane.ledger.statements import statement


class MembershipBroken(Exception):
    """Fewer files moved than the lease has. The transaction is rolled back; nothing happened."""


def expect(files: int, membership: int) -> None:
    if files != membership:
        raise MembershipBroken(f"{files} files moved, the membership is {membership}")


async def revive_later_versions(
    connection: Connection, ingestion_id: int, run_id: int, uris: Sequence[str] | None
) -> None:
    """Takes back versions that were skipped for one that, as it turns out, did not load."""
    if uris:
        await connection.execute(
            statement("revive_versions"),
            {"ingestion_id": ingestion_id, "run_id": run_id, "uris": list(uris)},
        )
