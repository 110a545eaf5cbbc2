"""What has gathered while the broker was away is told in batches: a broker that is slow to recover finishes some."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

import pytest

from services.dispatch.sender.telling import MOST_AT_ONCE
from shared.contracts import codec
from shared.contracts.events import DispatchReturned
from shared.errors import TryLater
from shared.kafka.record import Output
from tests.unit.dispatch.building import record_of
from tests.unit.dispatch.simulation.world import World

RECORDS_A_SECOND = 100
"""As many as a broker takes that is about to recover."""


@pytest.fixture
def world() -> Iterator[World]:
    world = World(window=MOST_AT_ONCE, unresolved=3 * MOST_AT_ONCE)
    world.run(world.start("fjord"))
    world.run(world.sleep(0.1))
    yield world
    world.close()


class Broker:
    """Away at first; then it takes some records a second, and nothing of a call that lasts longer than its deadline."""

    def __init__(self, world: World) -> None:
        self.away = True
        self.calls: list[int] = []
        self._outputs = world.outputs
        world.send = self.send  # type: ignore[method-assign]

    async def send(self, outputs: Sequence[Output], *, deadline: float = 10.0) -> None:
        lasts = deadline if self.away else len(outputs) / RECORDS_A_SECOND
        await asyncio.sleep(min(lasts, deadline))
        if lasts >= deadline:
            raise TryLater("kafka_send_timeout", "away")
        self.calls.append(len(outputs))
        self._outputs += outputs


def test_what_gathered_while_the_broker_was_away_is_told_and_finished_bit_by_bit(world: World) -> None:
    broker, life, messages = Broker(world), world.current["fjord"], 3 * MOST_AT_ONCE
    life.wire.delay = lambda: 0.02
    for _ in range(messages):
        world.put("hei", never_twice=False)
    world.feed()
    world.run(world.sleep(5.0))
    assert len(world.store.get_collection("outcomes").rows) == messages
    assert not world.finished

    broker.away = False
    world.run(world.sleep(12.0))
    assert 0 < len(world.finished) < messages
    world.run(world.sleep(20.0))

    assert len(world.finished) == len(world.facts()) == messages
    assert max(broker.calls) <= MOST_AT_ONCE


def test_parts_of_one_message_return_together_wherever_a_batch_ends(world: World) -> None:
    broker, life = Broker(world), world.current["fjord"]
    life.wire.up, life.elsewhere, broker.away = 0, True, False
    world.put("hei", never_twice=False)
    for _ in range(MOST_AT_ONCE // 2):
        world.put("y" * 200, never_twice=False)
    world.feed()
    world.run(world.sleep(30.0))

    returned = [codec.read(record_of(output)) for output in world.outputs]
    assert [event.parts for event in returned if isinstance(event, DispatchReturned)] == [
        (1,),
        *[(1, 2)] * (MOST_AT_ONCE // 2),
    ]
