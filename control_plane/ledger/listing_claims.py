"""Who lists the source of a run: a claim that runs out, so that a lister who falls silent is replaced."""

from __future__ import annotations

from dataclasses import dataclass

from control_plane.domain.file import LoadError
from control_plane.ledger.database import Connection
from control_plane.ledger.documents import error_json
from control_plane.ledger.statements import statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A claim to list the source of a run, under a token of the claimant's own."""

    run_id: int
    ingestion_id: int
    lister: str


class ListingLost(Exception):
    """Another control plane lists the run now, or the run was cancelled."""


async def start_run(connection: Connection, *, lister: str, claim_seconds: float) -> Listing | None:
    """Claims the listing of a run that nobody lists."""
    claimed = await connection.execute(statement("start_run"), {"lister": lister, "claim_seconds": claim_seconds})
    row = claimed.one_or_none()
    return Listing(run_id=row.run_id, ingestion_id=row.ingestion_id, lister=lister) if row else None


async def keep_listing(
    connection: Connection, listing: Listing, *, claim_seconds: float, requests: int, objects: int
) -> None:
    """Extends the claim and notes what the listing cost; raises ListingLost. Locks the run."""
    kept = await connection.execute(
        statement("keep_listing"),
        {
            "run_id": listing.run_id,
            "lister": listing.lister,
            "claim_seconds": claim_seconds,
            "requests": requests,
            "objects": objects,
        },
    )
    if kept.one_or_none() is None:
        raise ListingLost


async def release_listing(connection: Connection, listing: Listing) -> None:
    """Gives the claim back, so that another lister begins at once."""
    await connection.execute(statement("release_listing"), {"run_id": listing.run_id, "lister": listing.lister})


async def end_listing(connection: Connection, listing: Listing, *, error: LoadError | None) -> None:
    """Ends the listing, whole or with the error that ended it; raises ListingLost."""
    ended = await connection.execute(
        statement("end_listing"),
        {
            "run_id": listing.run_id,
            "lister": listing.lister,
            "error": error and error_json(error),
        },
    )
    if ended.one_or_none() is None:
        raise ListingLost
