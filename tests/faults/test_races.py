"""Two executors that work at the same time get in each other's way, and load each row once."""

from __future__ import annotations

from tests.faults.scene import Scene, Wired


async def test_two_executors_race_for_twenty_leases_of_one_table(scene: Scene) -> None:
    await warm(scene, scene.victim)
    await warm(scene, scene.successor)
    load = await scene.a_load(*range(20), max_files_per_lease=1)
    before = [each.executor.events.count("lease_published") for each in (scene.victim, scene.successor)]

    scene.victim.wire.open()
    scene.successor.wire.open()

    assert await load.runs_well()
    assert await load.holds_once(*range(20))
    after = [each.executor.events.count("lease_published") for each in (scene.victim, scene.successor)]
    assert all(then < now for then, now in zip(before, after, strict=True)), "only one took part"


async def warm(scene: Scene, wired: Wired) -> None:
    """Has it load a file alone, so that its Spark runs."""
    load = await scene.a_load(0)
    wired.wire.open()
    assert await load.runs_well()
    wired.wire.close()
