"""What the loops of a control plane ask of the ledger, and the time that passes for them."""

from __future__ import annotations

import uuid

from control_plane.domain.file import ListedFile
from control_plane.domain.isolation import isolate
from control_plane.ledger import files, leases, listing_claims, listings, runs, splits
from control_plane.ledger.database import Connection
from control_plane.ledger.listing_claims import Listing
from tests.model import expected_files, expected_leases, expected_splits
from tests.model.calls import AWAY, LOST
from tests.model.ground import Ground
from tests.model.machine import Fate, Machine, Tally


class LoopCalls(Machine):
    """The turns of the discoverer, the planner and the reaper."""

    def __init__(self, ground: Ground, tally: Tally) -> None:
        super().__init__(ground, tally)
        self.listings: list[Listing] = []

    def start_listing(self, silent: bool, fate: Fate) -> None:
        """Claims the listing, also from a lister that fell silent."""
        lister = str(uuid.uuid4())

        async def work(connection: Connection) -> int | None:
            if silent:
                await self.execute(connection, "UPDATE runs SET listing_deadline = now() - interval '1 s'")
            listing = await listing_claims.start_run(connection, lister=lister, claim_seconds=3600.0)
            if listing is None:
                return None
            await files.retake(connection, ingestion_id=listing.ingestion_id, run_id=listing.run_id)
            return listing.run_id

        def expected(run_id: int | None) -> int | None:
            if run_id is not None:
                listing = Listing(run_id=run_id, ingestion_id=self.stored.ingestion_id, lister=lister)
                self.listings += [listing] if listing not in self.listings else []
            return expected_files.start_listing(self.book, lister, silent=silent)

        self.call(work, expected, fate=fate)

    def list_page(self, page: dict[str, int], late: int, fate: Fate) -> None:
        """Lists objects as they are now: new ones, known ones, and overwritten ones."""
        if not self.listings:
            return
        listing = self.listings[-1 - late % len(self.listings)]
        listed = [
            ListedFile(f"s3://bucket/{name}.json", 10 * version, f"e{version}", version)
            for name, version in sorted(page.items())
        ]

        async def work(connection: Connection) -> int:
            await listing_claims.keep_listing(connection, listing, claim_seconds=3600.0, requests=0, objects=0)
            return await listings.record_page(
                connection, ingestion_id=listing.ingestion_id, run_id=listing.run_id, page=listed, ordered=True
            )

        self.call(
            work, lambda _: expected_files.list_page(self.book, listing.run_id, listing.lister, listed), fate=fate
        )

    def end_listing(self, failed: bool, late: int, fate: Fate) -> None:
        if not self.listings:
            return
        listing = self.listings[-1 - late % len(self.listings)]
        self.call(
            lambda connection: listing_claims.end_listing(connection, listing, error=AWAY if failed else None),
            lambda _: expected_files.end_listing(self.book, listing.run_id, listing.lister, failed=failed),
            fate=fate,
        )

    def plan(self, fate: Fate) -> None:
        """Offers what waits, as the planner does, and finishes a run of which nothing is left."""
        run_id = self.book.active_run() or 0

        async def work(connection: Connection) -> None:
            planning = await runs.lock_for_planning(connection, run_id)
            if planning is None:
                return
            if not planning.stopped:
                waiting = await files.pending(connection, planning.ingestion_id, limit=1000)
                sets = list(
                    isolate(
                        waiting,
                        max_attempts=self.book.max_attempts,
                        max_files=self.book.max_files,
                        max_bytes=10**9,
                        keep_open_set=not planning.listed,
                    )
                )
                await leases.offer(
                    connection, self.stored, run_id=run_id, sets=sets, max_attempts=self.book.max_attempts
                )
            await runs.finish_run(connection, run_id)

        def expected(_: None) -> None:
            sets = expected_splits.sets_to_offer(self.book, run_id)
            offered = self.ground.run(self.ground.seen()).files
            lease_ids = [offered[keys[0]].lease_id or "" for keys in sets]
            expected_leases.offer(self.book, run_id, lease_ids=lease_ids, sets=sets)
            self.book.finish(run_id)

        self.call(work, expected, fate=fate)

    def let_a_deadline_pass(self, choice: int, reaped: bool) -> None:
        held = [key for key, lease in self.book.facts.leases.items() if lease.holder]
        lease_id = held[choice % len(held)]

        def expected(_: None) -> None:
            self.book.change_lease(lease_id, expired=True)

        self.call(
            lambda connection: self.execute(
                connection, "UPDATE leases SET deadline = now() - interval '1 s' WHERE lease_id = $1", lease_id
            ),
            expected,
        )
        if reaped:
            self.reap(fate=Fate.ONCE)
            self.split(fate=Fate.ONCE)

    def let_rests_pass(self) -> None:
        def expected(_: None) -> None:
            moment = self.book.moment()
            for key in [key for key, lease in self.book.facts.leases.items() if lease.resting]:
                self.book.change_lease(key, resting=False)
                self.book.waits_since[key] = moment

        self.call(
            lambda connection: self.execute(
                connection, "UPDATE leases SET not_before = now() WHERE not_before > now()"
            ),
            expected,
        )

    def reap(self, fate: Fate) -> None:
        self.call(leases.reap, lambda _: expected_leases.reap(self.book), fate=fate)

    def split(self, fate: Fate) -> None:
        async def work(connection: Connection) -> int:
            lost = await splits.lost_sets(connection)
            return sum([await splits.split_lost(connection, each, LOST) for each in lost])

        self.call(work, lambda _: expected_splits.split_lost(self.book), fate=fate)

    def give_up(self, fate: Fate) -> None:
        async def work(connection: Connection) -> None:
            for run_id in await leases.hopeless_runs(connection):
                await leases.give_up(connection, run_id)

        def expected(_: None) -> None:
            for run_id in list(self.book.facts.runs):
                expected_leases.give_up(self.book, run_id)

        self.call(work, expected, fate=fate)
