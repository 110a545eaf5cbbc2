"""A sender that is asked to stop leaves nothing behind of which nobody knows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shared.smpp.results import Accepted, Ending
from shared.smpp.results import Unknown as NoAnswer
from tests.unit.dispatch.simulation.world import World


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    world.run(world.start("fjord"))
    world.run(world.sleep(0.1))
    yield world
    world.close()


@pytest.mark.parametrize("faults", [(), (False,), (True,)], ids=["none", "before", "behind"])
@pytest.mark.parametrize("hundredths", [1, 3, 6])
def test_what_was_begun_has_an_outcome_at_the_end_although_the_store_hesitates(
    world: World, hundredths: int, faults: tuple[bool, ...]
) -> None:
    world.store.faults.come(faults)
    for _ in range(2):
        world.accept("y" * 200, never_twice=True)
    world.run(world.sleep(hundredths / 100 - 0.005))

    world.run(world.current["fjord"].stop(patience=0.0))

    intents, outcomes = (world.store.get_collection(name).rows for name in ("intents", "outcomes"))
    assert intents.keys() == outcomes.keys()


@pytest.mark.parametrize("milliseconds", [1, 11, 21, 31])
def test_a_late_answer_that_comes_right_before_is_put_on_record_and_told(world: World, milliseconds: int) -> None:
    life = world.current["fjord"]
    world.accept("hei", never_twice=False)
    world.run(world.sleep(0.1))
    life.wire.answer(NoAnswer(Ending.NO_RESPONSE))
    world.run(world.sleep(1.0))
    (attempt,) = life.wire.late

    async def late_and_stop() -> None:
        life.submitter.late(attempt, Accepted(b"7"))
        await world.sleep(milliseconds / 1_000)
        await life.settler.stop(5.0)

    world.run(late_and_stop())

    outcomes = world.store.get_collection("outcomes").rows
    assert outcomes[f"{attempt.key}:settled"]["kind"] == "submitted"
    assert [fact.kind for fact in world.facts()] == ["unknown", "submitted"]
