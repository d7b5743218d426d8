"""The ledger answers and remembers as its model does, whatever is asked of it, and whoever asks at the same time."""

from __future__ import annotations

import os
import random

import pytest
from hypothesis import Phase

from tests.conftest import Tell
from tests.model.clients import interleave
from tests.model.ground import Ground
from tests.model.hunting import drive
from tests.model.machine import Tally

ROUNDS = 9
# Another seed every time, told in the report; set it to repeat what was found.
FRESH_SEED = int(os.environ.get("AUTOLOADER_TEST_SEED") or random.SystemRandom().randrange(10**6))
SEEDS = pytest.mark.parametrize("seed", [1, 2, pytest.param(FRESH_SEED, id="fresh")])


# Hypothesis may take five minutes to make what it found short.
@pytest.mark.timeout(600)
@SEEDS
def test_the_ledger_does_as_the_model_after_every_step(ground: Ground, seed: int, tell: Tell) -> None:
    tally = Tally()
    try:
        drive(ground, tally, seed=seed, rounds=ROUNDS, phases=(Phase.generate, Phase.shrink))
    finally:
        tell(f"model: AUTOLOADER_TEST_SEED={seed}: {tally.told()}, first disagreement: {tally.found or 'none'}")


@SEEDS
def test_four_clients_at_once_load_every_file_once(ground: Ground, seed: int, tell: Tell) -> None:
    calls = ground.run(interleave(ground, seed=seed))
    tell(f"four clients: AUTOLOADER_TEST_SEED={seed}: {sum(calls.values())} calls: {dict(sorted(calls.items()))}")
