"""The whole machine: who asks what next of the ledger and of its model."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from tests.model import expected_leases
from tests.model.book import MAX_FILES
from tests.model.calls import CALLS, LATE_CALLS, Needs, begin_pages, usually
from tests.model.executor_calls import ExecutorCalls
from tests.model.loop_calls import LoopCalls
from tests.model.machine import Fate
from tests.model.people_calls import PeopleCalls


class LedgerMachine(ExecutorCalls, LoopCalls, PeopleCalls):
    """One ingestion, from its first run on."""

    @initialize(
        page=begin_pages, listed=usually, held=usually, attempts=st.integers(1, 3), files=st.integers(1, MAX_FILES)
    )
    def begin(self, page: dict[str, int], listed: bool, held: bool, attempts: int, files: int) -> None:
        """Most of what can go wrong needs leases: there are some from the start."""
        self.book.max_attempts, self.book.max_files = attempts, files
        self.run_through(page=page, listed=listed, request=0, fate=Fate.ONCE)
        if held:
            self.acquire(executor="e1", request=1, fate=Fate.ONCE)

    @rule(data=st.data())
    def ask(self, data: st.DataObject) -> None:
        """Makes one of the calls that may do something now. Rules of their own would be left out by half, at random."""
        name = data.draw(st.sampled_from(self._possible()), label="call")
        getattr(self, name)(**data.draw(CALLS[name].arguments, label=name))

    def run_through(self, page: dict[str, int], listed: bool, request: int, fate: Fate) -> None:
        """The way of a run that nothing happens to, until its leases are on offer."""
        if self.book.active_run() is None:
            self.open_run(request=request, fate=fate)
            # A repeated request is answered with the run that it opened long ago.
            if self.book.active_run() is None:
                return
            self.start_listing(silent=False, fate=Fate.ONCE)
            self.list_page(page=page, late=0, fate=Fate.ONCE)
        if listed and self.listings:
            self.end_listing(failed=False, late=0, fate=Fate.ONCE)
        self.plan(fate=Fate.ONCE)

    def _possible(self) -> list[str]:
        """The names of calls, each as often as it weighs; those who come too late call whatever there is."""
        late = LATE_CALLS if self.holdings else ()
        met = self._met()
        return [*late, *(name for name, call in CALLS.items() if call.needs in met for _ in range(call.weight))]

    def _met(self) -> set[Needs]:
        book = self.book
        leases = book.facts.leases.values()
        active, listing = book.active_run() is not None, book.is_being_listed()
        holders = {lease.state for lease in leases if lease.holder}
        there = {
            Needs.NOTHING: True,
            Needs.OFFER: bool(expected_leases.next_waiting(book) or holders or book.has_leases("OFFERED")),
            Needs.HOLDER: bool(holders),
            Needs.LOADER: "HELD" in holders,
            Needs.PUBLISHER: "STAGED" in holders,
            Needs.RESTING: any(lease.resting for lease in leases),
            Needs.HOPELESS: not all(map(book.is_tried, book.facts.leases)),
            Needs.DOUBT: book.has_leases("IN_DOUBT"),
            Needs.REST: not active,
            Needs.RUN: active,
            Needs.LISTING: listing,
        }
        return {each for each, is_there in there.items() if is_there}
