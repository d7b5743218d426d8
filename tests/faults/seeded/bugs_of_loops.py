"""Bugs of the control plane that show between its loops and its callers: only a test can plant them."""

from __future__ import annotations

import contextlib
from typing import Any

from control_plane.errors import LeaseFenced
from control_plane.ledger import listing_claims, publications, runs
from control_plane.ledger.database import Connection
from control_plane.loops.discoverer import Discoverer
from control_plane.loops.reaper import Reaper
from control_plane.sources.source import SourceError
from tests.model.planting import in_code, in_sql

begin_once, list_once = Reaper.__init__, Discoverer._list


async def _no(*_: object, **__: object) -> bool:
    return False


async def _nothing(*_: object, **__: object) -> None:
    return None


def _at_once(reaper: Reaper, **told: Any) -> None:
    begin_once(reaper, **told)
    reaper._trusted_from = reaper._last_look


def _trusting(*_: object) -> None:
    return None


async def _what_came_is_all(discoverer: Discoverer, *told: Any) -> None:
    with contextlib.suppress(SourceError):
        await list_once(discoverer, *told)


async def _all_that_are_ours(_: Connection, __: str, branches: Any) -> list[str]:
    return [branch for branch in branches if publications._attempt_of(branch)]


FENCE = "      AND fence = :fence\n"
ATTEMPT = "      AND attempt = CAST(:attempt AS uuid)\n"
look_before = publications._refuse_wrong_counts


async def _look_at_the_fence_before(connection: Connection, holding: Any, staging: Any) -> None:
    """The fence is looked at, but not where it decides."""
    query = "SELECT count(*) FROM leases WHERE lease_id = $1 AND fence = $2 AND attempt = $3"
    found = await connection.exec_driver_sql(query, (holding.lease_id, holding.fence, holding.attempt))
    if not found.scalar_one():
        raise LeaseFenced("The lease moved on.")
    await look_before(connection, holding, staging)


BUGS_OF_LOOPS = {
    "the reaper acts right after its start": (in_code(Reaper, "__init__", _at_once),),
    "the reaper trusts silence after it was away": (in_code(Reaper, "_distrust", _trusting),),
    "an error of a page is taken for the end": (in_code(Discoverer, "_list", _what_came_is_all),),
    "a lister goes on when its claim is lost": (in_code(listing_claims, "keep_listing", _nothing),),
    "a person's word takes up a cancelled run": (in_code(runs, "is_cancelled", _no),),
    "branches in use are called droppable": (in_code(publications, "droppable_branches", _all_that_are_ours),),
    "the fence is looked at before the commit only": (
        in_sql("stage_lease", (FENCE, ""), (ATTEMPT, "")),
        in_code(publications, "_refuse_wrong_counts", _look_at_the_fence_before),
    ),
}
