"""Sets that an executor died with: which they are, and how their files come to wait again for smaller ones."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import func, select

from control_plane.domain.file import LoadError
from control_plane.domain.lease import Holding, LeaseState
from control_plane.ledger import runs
from control_plane.ledger.database import Connection
from control_plane.ledger.documents import error_json
from control_plane.ledger.fences import lock_run
from control_plane.ledger.lease_ends import expect
from control_plane.ledger.statements import statement
from control_plane.ledger.tables import leases

SETS_A_TURN = 1_000
# More than two deadly files cost, which happen to be loaded before anything else.
DEATHS_IN_A_ROW = 10
EXECUTORS_DIE = LoadError(
    category="EXECUTOR_LOST",
    message=f"{DEATHS_IN_A_ROW} executors died one after the other, and nothing was loaded in between. Look at their"
    " memory and their logs. The files that are left wait for the next run.",
    retryable=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LostSet:
    """A lease of several files whose loading was begun, and whose holder was silent until `deadline`."""

    holding: Holding
    deadline: datetime


async def lost_sets(connection: Connection) -> list[LostSet]:
    """The sets whose deadline passed, those that wait longest first."""
    query = (
        select(leases.c.lease_id, leases.c.fence, leases.c.attempt, leases.c.deadline)
        .where(leases.c.holder.is_not(None), leases.c.deadline < func.now())
        .where(leases.c.state == LeaseState.HELD, leases.c.begun, leases.c.file_count > 1)
        .order_by(leases.c.deadline)
        .limit(SETS_A_TURN)
    )
    return [
        LostSet(
            holding=Holding(lease_id=str(row.lease_id), fence=row.fence, attempt=str(row.attempt)),
            deadline=row.deadline,
        )
        for row in await connection.execute(query)
    ]


async def split_lost(connection: Connection, lost: LostSet, error: LoadError) -> bool:
    """Ends the lease of a holder that is still silent, and lets its files wait again; False when it has moved on."""
    await lock_run(connection, lost.holding.lease_id)
    return await split(connection, lost.holding, error, deadline=lost.deadline)


async def split(
    connection: Connection, holding: Holding, error: LoadError, *, deadline: datetime | None = None
) -> bool:
    """Ends a set that its executor died with; the caller has locked the run. False when it is no set, or moved on."""
    told = await connection.execute(
        statement("split_lease"), asdict(holding) | {"error": error_json(error), "deadline": deadline}
    )
    row = told.one_or_none()
    if row is None:
        return False
    expect(row.files, row.file_count)
    # A run that is stopped offers nothing more.
    await runs.finish_run(connection, row.run_id)
    return True


async def stop_dying(connection: Connection, run_id: int) -> bool:
    """Stops a run whose executors die and load nothing; True when it did. The caller has locked the run."""
    told = {"run_id": run_id, "error": error_json(EXECUTORS_DIE), "deaths": DEATHS_IN_A_ROW}
    return (await connection.execute(statement("stop_run"), told)).one_or_none() is not None
