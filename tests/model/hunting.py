"""Lets Hypothesis drive the machine, against the ledger as it is or with a bug planted in it."""

from __future__ import annotations

import time

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.clients import interleave
from tests.model.ground import Ground
from tests.model.ledger_machine import LedgerMachine
from tests.model.machine import Disagreement, Tally
from tests.model.planting import SeededBug

STEPS = 40
# Of one seed's examples most are mutants of the few before them; other seeds show more.
EXAMPLES_A_ROUND = 4
ROUNDS_A_HUNT = 80
CROWDS_A_HUNT = 10


def drive(ground: Ground, tally: Tally, *, seed: int, rounds: int, phases: tuple[Phase, ...]) -> None:
    """Drives the machine through rounds of a few examples; raises the Disagreement that it meets."""
    for number in range(rounds):
        _round(ground, tally, seed=1000 * seed + number, phases=phases)


def _round(ground: Ground, tally: Tally, *, seed: int, phases: tuple[Phase, ...]) -> None:
    @hypothesis.seed(seed)
    class SeededMachine(LedgerMachine):
        def __init__(self) -> None:
            super().__init__(ground, tally)

    run_state_machine_as_test(
        SeededMachine,
        settings=settings(
            max_examples=EXAMPLES_A_ROUND,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            print_blob=True,
            report_multiple_bugs=False,
            phases=phases,
            verbosity=Verbosity.normal if Phase.shrink in phases else Verbosity.quiet,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )


def hunt(ground: Ground, bug: SeededBug, *, seed: int) -> str:
    """After how much of what the bug was noticed, and empty when it was not."""
    tally = Tally()
    with pytest.MonkeyPatch.context() as patch:
        bug.plant(patch)
        try:
            drive(ground, tally, seed=seed, rounds=ROUNDS_A_HUNT, phases=(Phase.generate,))
        except Disagreement:
            return tally.found
    return ""


def hunt_at_once(ground: Ground, bug: SeededBug, *, seed: int) -> str:
    """As `hunt`, with four clients at once."""
    began = time.monotonic()
    with pytest.MonkeyPatch.context() as patch:
        bug.plant(patch)
        for number in range(CROWDS_A_HUNT):
            try:
                ground.run(interleave(ground, seed=1000 * seed + number))
            except Disagreement:
                return f"{number + 1} crowds, {time.monotonic() - began:.1f} s"
    return ""
