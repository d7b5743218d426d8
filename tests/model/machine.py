"""Asks the same of a real ledger and of the model, and holds the two against each other after every call."""

from __future__ import annotations

import contextlib
import random
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any
from unittest.mock import patch

from hypothesis.stateful import RuleBasedStateMachine

from control_plane.domain.lease import Holding
from control_plane.errors import AutoloaderError
from control_plane.ledger.database import Connection
from control_plane.ledger.listing_claims import ListingLost
from tests.model.book import Book
from tests.model.expected_leases import holds
from tests.model.facts import LedgerFacts, difference
from tests.model.ground import Ground, Work
from tests.model.invariants import broken

STRANGER = str(uuid.UUID(int=0))


class Disagreement(AssertionError):
    """The ledger is not as the model, or breaks what holds of every ledger."""


@dataclass(slots=True)
class Tally:
    """What was asked of the ledger, and after how much of it the first disagreement came."""

    examples: int = 0
    calls: int = 0
    since: float = field(default_factory=time.monotonic)
    found: str = ""

    def told(self) -> str:
        return f"{self.examples} examples, {self.calls} calls, {time.monotonic() - self.since:.1f} s"


class Fate(Enum):
    """What becomes of a call: made, made twice, or cut off before its transaction commits and then made again."""

    ONCE = auto()
    TWICE = auto()
    LOST = auto()


class Who(Enum):
    """Who calls: the holder, anybody who ever was one, or one who mixes up what it was told."""

    HOLDER = auto()
    ANYBODY = auto()
    OTHER_ATTEMPT = auto()
    OTHER_FENCE = auto()


class History(Enum):
    """What the table's history names: no lease, those that counted, also one that never did, or also a stranger."""

    NOTHING = auto()
    COUNTED = auto()
    NEVER_COUNTED = auto()
    STRANGER = auto()


class CutOff(Exception):
    """Ends a transaction before it commits."""


class Machine(RuleBasedStateMachine):
    """The ledger, the model, and those who hold leases or once did; the rules are in the classes below."""

    def __init__(self, ground: Ground, tally: Tally) -> None:
        super().__init__()
        self.ground = ground
        self.tally = tally
        tally.examples += 1
        self.book = Book()
        self.seen = LedgerFacts()
        self.holdings: list[Holding] = []
        self._ends = contextlib.ExitStack()
        # The same steps must give the same leases, else Hypothesis cannot repeat what it found.
        bits = random.Random(1)
        self._ends.enter_context(patch("uuid.uuid4", lambda: uuid.UUID(int=bits.getrandbits(128), version=4)))
        self.stored = ground.run(ground.renewed())

    def teardown(self) -> None:
        self._ends.close()

    def call(self, work: Work[Any], expected: Callable[[Any], object], *, fate: Fate = Fate.ONCE) -> None:
        """Makes the call; `expected` is told the answer, asks the model the same and gives what it answers."""
        for lost in {Fate.ONCE: (False,), Fate.TWICE: (False, False), Fate.LOST: (True, False)}[fate]:
            self.tally.calls += 1
            try:
                self._call(work, expected, lost=lost)
            except Disagreement:
                self.tally.found = self.tally.found or self.tally.told()
                raise

    def holding(self, who: tuple[Who, int], state: str) -> Holding:
        """One who holds a lease in that state, if somebody does; or another one, as `who` says."""
        kind, choice = who
        holders = [
            each
            for each in self.holdings
            if holds(self.book, each) and self.book.facts.leases[each.lease_id].state == state
        ]
        among = holders if holders and kind is not Who.ANYBODY else self.holdings
        chosen = among[-1 - choice % len(among)]
        return Holding(
            lease_id=chosen.lease_id,
            fence=chosen.fence - (kind is Who.OTHER_FENCE),
            attempt=STRANGER if kind is Who.OTHER_ATTEMPT else chosen.attempt,
        )

    def _call(self, work: Work[Any], expected: Callable[[Any], object], *, lost: bool) -> None:
        try:
            answer = self.ground.run(self._answer(work, lost=lost))
        except Exception as error:
            raise Disagreement(f"the ledger broke down: {error!r}") from error
        if answer is not CutOff and (modelled := expected(answer)) != answer:
            raise Disagreement(f"the model answers {modelled}, the ledger {answer}")
        self._compare()

    async def _answer(self, work: Work[Any], *, lost: bool) -> Any:
        """What is answered, the class of an error included; CutOff when the call leaves no trace."""
        try:
            async with self.ground.database.transaction() as connection:
                answer = await work(connection)
                if lost:
                    raise CutOff
                return answer
        except (AutoloaderError, ListingLost, CutOff) as error:
            return type(error)

    async def execute(self, connection: Connection, sql: str, *parameters: object) -> None:
        await connection.exec_driver_sql(sql, parameters)

    def _compare(self) -> None:
        before, self.seen = self.seen, self.ground.run(self.ground.seen())
        wrong = [*broken(before, self.seen), difference(self.book.seen(), self.seen)]
        if any(wrong):
            raise Disagreement("\n".join(line for line in wrong if line))
