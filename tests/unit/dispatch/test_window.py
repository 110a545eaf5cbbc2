"""What a window carries, on a clock that stands still while anything is computed: waits alone count."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import pytest

from tests.unit.dispatch.simulation.world import World

MESSAGES = 1_000
WINDOW = 50
ROUND_TRIP = 0.02
CALL = 0.01
"""Seconds of a call to the ledger or the broker: a busy database's."""


@pytest.fixture
def world() -> Iterator[World]:
    world = World(window=WINDOW, unresolved=2 * WINDOW, hop=CALL / 2)
    yield world
    world.close()


def seconds(world: World, delay: Callable[[], float]) -> float:
    """How long it takes to send all messages and to finish their records."""
    world.run(world.start("fjord"))
    world.run(world.sleep(0.1))
    world.current["fjord"].wire.delay = delay
    for _ in range(MESSAGES):
        world.put("hei", never_twice=False)
    began = world.clock.monotonic()
    world.feed()
    while len(world.finished) < MESSAGES:
        world.run(world.sleep(0.01))
        assert world.clock.monotonic() - began < 60
    assert not world.broken
    return world.clock.monotonic() - began


def test_a_window_of_50_carries_2000_a_second_when_answers_take_20_ms(world: World) -> None:
    assert MESSAGES / seconds(world, lambda: ROUND_TRIP) >= 2_000


def test_a_slow_answer_holds_up_nothing_but_itself(world: World) -> None:
    number = count()

    took = seconds(world, lambda: 0.4 if next(number) % 100 == 0 else ROUND_TRIP)

    assert took < MESSAGES / 2_000 + 0.4


def test_what_waits_for_a_slot_when_the_sender_is_stopped_is_put_on_record_as_never_written() -> None:
    world = World(window=2, unresolved=4)
    try:
        world.run(world.start("fjord"))
        world.run(world.sleep(0.1))
        for _ in range(4):
            world.put("hei", never_twice=False)
        world.feed()
        world.run(world.sleep(0.005))

        world.run(world.current["fjord"].submitter.stop(10.0))

        intents, outcomes = (world.store.get_collection(name).rows for name in ("intents", "outcomes"))
        assert [row["kind"] for row in outcomes.values()] == ["withheld"] * 2
        assert len(intents.keys() - outcomes.keys()) == len(world.pdus) == 2
    finally:
        world.close()
