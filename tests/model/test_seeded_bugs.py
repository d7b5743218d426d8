"""Every bug that is planted in the ledger is noticed, by the model or by clients at once."""

from __future__ import annotations

import pytest

from tests.conftest import Tell
from tests.model.ground import Ground
from tests.model.hunting import hunt, hunt_at_once
from tests.model.planting import SeededBug
from tests.model.seeded import BUGS_OF_RACES, SEEDED_BUGS


@pytest.mark.parametrize("bug", SEEDED_BUGS, ids=lambda bug: bug.name.replace(" ", "-"))
def test_the_model_notices(bug: SeededBug, ground: Ground, tell: Tell) -> None:
    noticed = hunt(ground, bug, seed=1)
    tell(f"{bug.name}: noticed after {noticed or 'NOTHING'}")
    assert noticed


@pytest.mark.parametrize("bug", BUGS_OF_RACES, ids=lambda bug: bug.name.replace(" ", "-"))
def test_four_clients_notice(bug: SeededBug, ground: Ground, tell: Tell) -> None:
    noticed = hunt_at_once(ground, bug, seed=1)
    tell(f"{bug.name}: noticed after {noticed or 'NOTHING'}")
    assert noticed
