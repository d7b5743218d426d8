"""What happens in a torture and when, all of it from a seed before anything runs; a plan can be kept and repeated.

Repeated are the steps, their times and what is random within them: the same files with the same rows, the same faults
to the same services. Not repeated is what the machine decides: which executor gets which lease, how far it is when it
is paused, and so whether a fault that waits for its moment (a point, a message, a statement) finds one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

from tests.faults.torture.kinds import FAULT_GAP_SECONDS, FAULTS, LENGTHS, WORK
from tests.faults.torture.names import INGESTIONS

FIRST_FAULT_SECONDS = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that is done to somebody, `at` seconds after the start; `seed` decides what is random within it."""

    at: float
    do: str
    who: str = ""
    what: str = ""
    how: str = ""
    seconds: float = 0.0
    seed: int = 0

    @property
    def is_fault(self) -> bool:
        return self.do in FAULTS

    @property
    def kind(self) -> str:
        """What faults are counted by."""
        return " ".join(part for part in (self.do, self.what, self.how) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The steps in their order; `seconds` is when faults end."""

    seed: int
    seconds: float
    steps: tuple[Step, ...]

    def write(self, path: Path) -> None:
        """A line for the plan, and one a step."""
        head = {"seed": self.seed, "seconds": self.seconds}
        path.write_text("".join(json.dumps(line) + "\n" for line in (head, *map(asdict, self.steps))))


def read_plan(path: Path) -> Plan:
    head, *steps = (json.loads(line) for line in path.read_text().splitlines())
    return Plan(**head, steps=tuple(Step(**step) for step in steps))


def plan_of(seed: int, *, seconds: float) -> Plan:
    """The plan of a seed. That of a longer torture does not begin with that of a shorter one."""
    random = Random(f"{seed} {seconds}")
    steps = [*_workload(random, seconds), *_faults(random, seconds)]
    return Plan(seed=seed, seconds=seconds, steps=tuple(sorted(steps, key=lambda step: step.at)))


def _workload(random: Random, seconds: float) -> Iterator[Step]:
    for name in INGESTIONS:
        yield Step(at=0.0, do="add", who=name, seed=_seed(random))
    for do, work in WORK.items():
        for at in _moments(random, work.gap_seconds, seconds):
            length = round(random.uniform(0.5, 3.0), 1)
            yield Step(at=at, do=do, who=random.choice(work.who), seconds=length, seed=_seed(random))


def _faults(random: Random, seconds: float) -> Iterator[Step]:
    weights = [fault.weight for fault in FAULTS.values()]
    for at in _moments(random, FAULT_GAP_SECONDS, seconds - FIRST_FAULT_SECONDS):
        ((do, fault),) = random.choices(list(FAULTS.items()), weights=weights)
        how = random.choice(fault.how)
        shortest, longest = LENGTHS.get(how, (1.0, max(LENGTHS["past the lease"])))
        yield Step(
            at=round(at + FIRST_FAULT_SECONDS, 2),
            do=do,
            who=random.choice(fault.who),
            what=random.choice(fault.what),
            how=how,
            seconds=round(random.uniform(shortest, longest), 1),
            seed=_seed(random),
        )


def _moments(random: Random, gap_seconds: float, seconds: float) -> Iterator[float]:
    at = random.expovariate(1 / gap_seconds)
    while at < seconds:
        yield round(at, 2)
        at += random.expovariate(1 / gap_seconds)


def _seed(random: Random) -> int:
    return random.randrange(1 << 32)
