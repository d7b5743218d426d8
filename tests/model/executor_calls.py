"""What executors ask of the ledger, in time, late, twice, and after they lost the lease."""

from __future__ import annotations

from control_plane.domain.file import LoadError
from control_plane.domain.lease import FileException, Holding, StagedTable, Staging
from control_plane.ledger import leases, publications
from control_plane.ledger.database import Connection
from tests.model import expected_leases, expected_publications
from tests.model.calls import AWAY, DOUBTED, Telling
from tests.model.machine import STRANGER, Fate, History, Machine, Who

LEASE_SECONDS = 3600.0
# As the ingestion names it.
TABLE = "a.b"
RESTED = leases.Backoff(first_seconds=0.0, longest_seconds=0.0)
RESTING = leases.Backoff(first_seconds=3600.0, longest_seconds=3600.0)


class ExecutorCalls(Machine):
    """AcquireLease, RenewLease, StageLease, CompleteLease, FailLease with each outcome, and ReleaseLease."""

    def acquire(self, executor: str, request: int, fate: Fate) -> None:
        request_id = f"r{request}"

        async def work(connection: Connection) -> tuple[Holding, int] | None:
            lease = await leases.acquire(
                connection, executor=executor, request_id=request_id, pool="default", lease_seconds=LEASE_SECONDS
            )
            if lease is None:
                return None
            holding = Holding(lease_id=lease.lease_id, fence=lease.fence, attempt=lease.attempt)
            return holding, lease.verified_snapshot_id

        def expected(answer: tuple[Holding, int] | None) -> tuple[Holding, int] | None:
            held = expected_leases.held_by_request(self.book, executor, request_id)
            allowed = [held] if held else expected_leases.next_waiting(self.book)
            verified = self.book.facts.verified.get(TABLE, 0)
            got = answer[0] if answer else None
            if got is None or got.lease_id not in allowed:
                return (Holding(lease_id=str(allowed), fence=0, attempt=""), verified) if allowed else None
            expected_leases.acquire(
                self.book, got.lease_id, attempt=got.attempt, executor=executor, request_id=request_id
            )
            self.holdings += [got] if got not in self.holdings else []
            lease = self.book.facts.leases[got.lease_id]
            return Holding(lease_id=got.lease_id, fence=lease.fence, attempt=lease.attempt or ""), verified

        self.call(work, expected, fate=fate)

    def load(self, request: int, told: Telling, ends: bool) -> None:
        """The way of an executor that nothing happens to: deep states are reached on it."""
        self.acquire(executor="e3", request=request, fate=Fate.ONCE)
        if not self.holdings:
            return
        holder = (Who.HOLDER, 0)
        self.renew(who=holder, state="HELD", fate=Fate.ONCE)
        self.stage(who=holder, state="HELD", told=told, main=(History.COUNTED, 14, "t"), fits=True, fate=Fate.ONCE)
        if ends:
            self.complete(who=holder, published=81, fate=Fate.ONCE)

    def renew(self, who: tuple[Who, int], state: str, fate: Fate) -> None:
        holding = self.holding(who, state)
        self.call(
            lambda connection: leases.renew(connection, holding, lease_seconds=LEASE_SECONDS),
            lambda _: expected_leases.renew(self.book, holding),
            fate=fate,
        )

    def stage(
        self,
        who: tuple[Who, int],
        state: str,
        told: Telling,
        main: tuple[History, int, str],
        fits: bool,
        fate: Fate,
    ) -> None:
        holding = self.holding(who, state)
        files = self.book.facts.leases[holding.lease_id].file_count + (not fits)
        history, base, table_uuid = main
        in_main = self._in_main(history)
        staging = a_staging(*told, files=files, base=base, leases_in_main=in_main, table_uuid=table_uuid)
        self.call(
            lambda connection: publications.stage(connection, holding, staging),
            lambda _: expected_publications.stage(self.book, holding, staging),
            fate=fate,
        )

    def _in_main(self, history: History) -> tuple[str, ...]:
        leases = self.book.facts.leases
        if history is History.NOTHING:
            return ()
        counted = [key for key, lease in leases.items() if lease.state in expected_publications.KNOWN]
        others = [key for key in leases if key not in counted]
        match history:
            case History.NEVER_COUNTED:
                return (*counted, *others[-1:])
            case History.STRANGER:
                return (*counted, STRANGER)
            case _:
                return (*counted, *counted[:1])

    def complete(self, who: tuple[Who, int], published: int, fate: Fate) -> None:
        holding = self.holding(who, "STAGED")
        self.call(
            lambda connection: publications.complete(
                connection, lease_id=holding.lease_id, fence=holding.fence, published_snapshot_id=published
            ),
            lambda _: expected_publications.complete(
                self.book, holding.lease_id, fence=holding.fence, snapshot_id=published
            ),
            fate=fate,
        )

    def fail(self, who: tuple[Who, int], error: LoadError, rest: bool, fate: Fate) -> None:
        holding = self.holding(who, "HELD")
        self.call(
            lambda connection: leases.fail(connection, holding, error, backoff=RESTING if rest else RESTED),
            lambda _: expected_leases.fail(self.book, holding, error, rest=rest),
            fate=fate,
        )

    def fail_to_publish(self, who: tuple[Who, int], doubts: bool, fate: Fate) -> None:
        holding = self.holding(who, "STAGED")
        asked, modelled = (
            (publications.doubt, expected_publications.doubt)
            if doubts
            else (publications.unstage, expected_publications.unstage)
        )
        error = DOUBTED if doubts else AWAY
        self.call(
            lambda connection: asked(connection, holding, error),
            lambda _: modelled(self.book, holding, error),
            fate=fate,
        )

    def release(self, who: tuple[Who, int], state: str, rest: bool, fate: Fate) -> None:
        holding = self.holding(who, state)
        self.call(
            lambda connection: leases.release(connection, holding, rest_seconds=LEASE_SECONDS if rest else 0.0),
            lambda _: expected_leases.release(self.book, holding, rest=rest),
            fate=fate,
        )


def a_staging(
    snapshot_id: int,
    rows: list[int],
    excepted: list[FileException],
    *,
    files: int,
    base: int = 11,
    leases_in_main: tuple[str, ...] = (),
    table_uuid: str = "t",
) -> Staging:
    """What an executor says of so many files: those with exceptions have no rows, and no rows have no snapshot."""
    kept = tuple(each for each in excepted if each.index < files)
    ruled_out = {each.index for each in kept}
    written = tuple(0 if index in ruled_out else rows[index % len(rows)] for index in range(files))
    return Staging(
        staged=StagedTable(
            table="lake.a.b",
            table_uuid=table_uuid,
            base_snapshot_id=base,
            staged_snapshot_id=snapshot_id if sum(written) else 0,
            records_added=sum(written),
        ),
        records_written=written,
        exceptions=kept,
        warnings=(),
        leases_in_main=leases_in_main,
    )
