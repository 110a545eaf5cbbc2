"""What a window carries, on a clock that stands still while anything is computed: waits alone count."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from random import Random
from typing import cast

import pytest
from prometheus_client import CollectorRegistry

from services.dispatch.sender.incoming import Reading
from services.dispatch.sender.metrics import SenderMetrics
from services.dispatch.sender.receipts import ReceiptRelay, SentMemory
from shared.contracts.words import Lane
from shared.kafka.record import Output
from shared.kafka.sending import Sender
from shared.privacy.pseudonyms import Pseudonyms
from shared.smpp.pdu import DeliverSm
from shared.smpp.reply import Reply
from shared.tasks import end
from tests.unit.dispatch.building import PARTITIONS, Letters
from tests.unit.dispatch.simulation.time import VirtualClock, VirtualLoop
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


def test_outcomes_and_facts_wait_for_company_while_more_comes(world: World) -> None:
    random = Random(1)
    world.run(world.start("fjord"))
    world.current["fjord"].wire.delay = lambda: random.uniform(0.015, 0.03)
    for _ in range(100):
        for _ in range(5):
            world.put("hei", never_twice=False)
        world.feed()
        world.run(world.sleep(0.005))
    world.run(world.sleep(0.1))

    assert len(world.finished) == 500
    assert world.store.get_collection("outcomes").inserts < 50
    assert world.counts["produces"] < 50


@pytest.mark.parametrize("most", [1, 10])
def test_an_operator_that_gives_few_receipts_before_their_answers_is_not_held_up(tmp_path: Path, most: int) -> None:
    loop, letters, given = VirtualLoop(), Letters(tmp_path), count()

    class Broker:
        async def send(self, outputs: Sequence[Output]) -> None:
            await asyncio.sleep(CALL)

    relay = ReceiptRelay(
        "fjord",
        SentMemory(10),
        cast("Sender", Broker()),
        letters.sealer,
        Pseudonyms(letters.keys),
        VirtualClock(loop),
        PARTITIONS,
        SenderMetrics(CollectorRegistry()),
        Reading(),
    )

    def give(_status: int = 0) -> None:
        text = b"id:%d stat:DELIVRD" % next(given)
        relay.take("fjord-1", DeliverSm(esm_class=4, short_message=text), cast("Reply", give))

    async def run() -> None:
        relay.start()
        for _ in range(most):
            give()
        await asyncio.sleep(1.0)
        await relay.stop()

    loop.run_until_complete(run())
    loop.close()

    assert next(given) > 0.95 * most / CALL


@contextmanager
def sending(window: int, messages: int) -> Iterator[World]:
    """A sender that has just taken so many messages, and may have twice its window without an outcome."""
    world = World(window=window, unresolved=2 * window)
    try:
        world.run(world.start("fjord"))
        world.run(world.sleep(0.1))
        for _ in range(messages):
            world.put("hei", never_twice=False)
        world.feed()
        yield world
    finally:
        world.close()


@pytest.mark.parametrize("deadline", [10.0, 0.3])
def test_what_waits_for_a_slot_when_the_sender_is_stopped_is_put_on_record_as_never_written(deadline: float) -> None:
    with sending(window=2, messages=4) as world:
        world.run(world.sleep(0.005))

        world.run(world.current["fjord"].submitter.stop(deadline))

        intents, outcomes = (world.store.get_collection(name).rows for name in ("intents", "outcomes"))
        assert [row["kind"] for row in outcomes.values()] == ["withheld"] * 2
        assert len(intents.keys() - outcomes.keys()) == len(world.pdus) == 2


def test_a_part_that_cannot_be_withheld_ends_the_sender_and_is_not_forgotten() -> None:
    with sending(window=2, messages=4) as world:
        world.run(world.sleep(0.1))
        unreadable = world.store.get_collection("outcomes").rows
        for key in world.store.get_collection("intents").rows.keys() - set(world.pdus):
            unreadable[key] = {"_id": key, "kind": "of a later release", "at": world.clock.now(), "link": "fjord-1"}

        with pytest.raises(ValueError, match="of a later release"):
            world.run(asyncio.wait_for(world.current["fjord"].submitter.wait(), 5.0))


@pytest.mark.parametrize("revoked", [False, True], ids=["its handler waits", "its handler was cancelled"])
def test_a_part_that_cannot_be_begun_ends_the_sender_and_stands_in_no_lanes_way(revoked: bool) -> None:
    with sending(window=2, messages=0) as world:
        life = world.current["fjord"]
        key = f"{world.put('hei', never_twice=False)}:1:1"
        lease, now = "sms.dispatch.fjord.standard:0", world.clock.now()
        rows = {name: world.store.get_collection(name).rows for name in ("intents", "outcomes")}
        rows["intents"][key] = {"_id": key, "lease": lease, "epoch": 0, "link": "fjord-1", "at": now}
        rows["outcomes"][key] = {"_id": key, "kind": "of a later release", "at": now, "link": "fjord-1"}
        world.feed()
        world.run(world.sleep(0.005))
        if revoked:
            world.run(end(*life.handling))

        with pytest.raises(ValueError, match="of a later release"):
            world.run(asyncio.wait_for(life.submitter.wait(), 5.0))


@pytest.mark.parametrize("answer", [0.5, 1.0, 2.0, 4.0])
def test_an_express_part_overtakes_a_crowd_of_another_lane_however_slow_the_operator_is(answer: float) -> None:
    with sending(window=10, messages=500) as world:
        world.current["fjord"].wire.delay = lambda: answer
        world.run(world.sleep(5.03))
        began = world.clock.monotonic()
        express = world.put("hei", never_twice=False, lane=Lane.EXPRESS)
        world.feed()
        while not any(message_id == express for message_id, _ in world.copies):
            world.run(world.sleep(0.1))

        assert world.clock.monotonic() - began <= 1.5 * answer + 0.2
