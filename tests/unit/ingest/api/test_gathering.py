"""A flush is one partition, goes out once, and tells everybody who waits; memory stays bounded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from services.ingest.api.gathering import ENOUGH, WINDOW, Gathering
from services.ingest.api.metrics import ApiMetrics
from shared.clock import Clock, ManualClock, SystemClock
from shared.contracts.words import Lane
from shared.errors import Fatal, TryLater
from shared.kafka.record import Output
from tests.support import wait_until
from tests.unit.ingest.api.door import START, Broker


@asynccontextmanager
async def gathering(broker: Any, clock: Clock | None = None, **options: Any) -> AsyncIterator[Gathering]:
    made = Gathering(
        Lane.STANDARD,
        broker.send,
        clock or ManualClock(START),
        ApiMetrics(CollectorRegistry()).lanes[Lane.STANDARD],
        **{"partitions": 4, "window": 0.0, "round_seconds": 0.0, **options},
    )
    await made.start()
    try:
        yield made
    finally:
        await made.stop(0.0)


def put(into: Gathering, records: int = 1) -> asyncio.Future[None]:
    into.reserve(records)
    flush = into.flush()
    flush.outputs.extend(Output("t", flush.partition, b"k", b"v") for _ in range(records))
    return flush.acknowledged()


def test_express_waits_for_nobody_and_the_others_five_milliseconds() -> None:
    assert WINDOW == {Lane.EXPRESS: 0.0, Lane.STANDARD: 0.005, Lane.BULK: 0.005}


async def test_what_is_put_in_one_step_goes_out_together() -> None:
    broker = Broker()
    async with gathering(broker) as lane:
        await asyncio.gather(*[put(lane) for _ in range(7)])
    assert [len(batch) for batch in broker.batches] == [7]


async def test_a_window_gathers_what_comes_during_it() -> None:
    broker = Broker()
    async with gathering(broker, SystemClock(), window=0.05) as lane:
        first = put(lane)
        await asyncio.sleep(0)
        second = put(lane)
        await asyncio.gather(first, second)
    assert [len(batch) for batch in broker.batches] == [2]


async def test_who_has_company_enough_waits_no_longer() -> None:
    broker = Broker()
    async with gathering(broker, window=3600.0) as lane:
        for _ in range(2):
            async with asyncio.timeout(5.0):
                await asyncio.gather(*[put(lane) for _ in range(ENOUGH)])
    assert [len(batch) for batch in broker.batches] == [ENOUGH, ENOUGH]


async def test_one_send_at_a_time_and_partitions_in_turn() -> None:
    broker = Broker()
    async with gathering(broker, first_partition=6) as lane:
        for _ in range(3):
            await put(lane)
    assert [batch[0].partition for batch in broker.batches] == [2, 3, 0]


async def test_a_turn_lasts_its_part_of_the_round() -> None:
    broker, clock = Broker(), ManualClock(START)
    async with gathering(broker, clock, round_seconds=4.0) as lane:
        for _ in range(7):
            await put(lane)
            clock.advance(0.3)
    assert [batch[0].partition for batch in broker.batches] == [0, 0, 0, 0, 1, 1, 1]


async def test_a_full_flush_ends_its_turn() -> None:
    broker = Broker()
    async with gathering(broker, round_seconds=4.0) as lane:
        for records in (1, 500, 1, 1):
            await put(lane, records)
    assert [batch[0].partition for batch in broker.batches] == [0, 0, 1, 1]


async def test_a_large_flush_is_closed_and_the_next_takes_what_follows() -> None:
    broker = Broker()
    async with gathering(broker) as lane:
        await asyncio.gather(*[put(lane, 300) for _ in range(4)])
    assert [len(batch) for batch in broker.batches] == [600, 600]
    assert [{output.partition for output in batch} for batch in broker.batches] == [{0}, {1}]


async def test_a_failure_is_told_to_all_of_its_flush_and_to_nobody_else() -> None:
    broker = Broker()
    broker.failing = True
    async with gathering(broker) as lane:
        failed = await asyncio.gather(put(lane), put(lane), return_exceptions=True)
        broker.failing = False
        await put(lane)
    assert [type(error) for error in failed] == [TryLater, TryLater]
    assert {error.code for error in failed if isinstance(error, TryLater)} == {"broker_unavailable"}


class OneDead(Broker):
    """A broker one of whose partitions has no leader: a write to it fails when the broker is opened."""

    dead = 0

    async def send(self, outputs: Sequence[Output], *, deadline: float) -> None:
        if outputs[0].partition != self.dead:
            self.batches.append(list(outputs))
            return
        self.failing = True
        await super().send(outputs, deadline=deadline)


async def test_a_partition_without_a_leader_keeps_its_turn_and_no_more() -> None:
    """What comes after the turn goes to the next partition at once; what came during it is not tried again."""
    broker, clock = OneDead(), ManualClock(START)
    broker.close()
    async with gathering(broker, clock, round_seconds=4.0) as lane:
        during = [put(lane)]
        await wait_until(lambda: len(broker.batches) == 1)
        during += [put(lane), put(lane)]
        clock.advance(1.0)
        await asyncio.gather(put(lane), put(lane))
        broker.open()
        answers = await asyncio.gather(*during, return_exceptions=True)
        lane.reserve(20_000)
        lane.release(20_000)
    assert [type(answer) for answer in answers] == [TryLater, TryLater, TryLater]
    assert [(batch[0].partition, len(batch)) for batch in broker.batches] == [(0, 1), (1, 2)]


async def test_what_waits_behind_a_write_that_failed_quickly_is_tried() -> None:
    broker = OneDead()
    broker.close()
    async with gathering(broker, round_seconds=4.0) as lane:
        first = put(lane)
        await wait_until(lambda: len(broker.batches) == 1)
        second = put(lane)
        broker.open()
        with pytest.raises(TryLater):
            await first
        broker.dead = -1
        await second
    assert [(batch[0].partition, len(batch)) for batch in broker.batches] == [(0, 1), (0, 1)]


async def test_a_stuck_partition_refuses_ids_that_have_no_other() -> None:
    broker, clock = OneDead(), ManualClock(START)
    broker.close()
    async with gathering(broker, clock) as lane:
        stuck = put(lane)
        await wait_until(lambda: len(broker.batches) == 1)
        lane.reserve(1, 0)
        lane.release(1)
        clock.advance(1.0)
        with pytest.raises(TryLater, match="broker_unavailable"):
            lane.reserve(1, 0)
        lane.reserve(1, 1)
        lane.release(1)
        broker.open()
        await asyncio.gather(stuck, return_exceptions=True)
        lane.reserve(1, 0)
        lane.release(1)


async def test_an_only_partition_is_waited_for_by_all_together() -> None:
    broker, clock = Broker(), ManualClock(START)
    broker.close()
    async with gathering(broker, clock, partitions=1) as lane:
        first = put(lane)
        await wait_until(lambda: len(broker.batches) == 1)
        others = [put(lane) for _ in range(3)]
        broker.open()
        await asyncio.gather(first, *others)
    assert [len(batch) for batch in broker.batches] == [1, 3]


async def test_when_writes_to_all_partitions_were_stuck_each_has_its_turn_again() -> None:
    broker, clock = OneDead(), ManualClock(START)
    broker.close()
    async with gathering(broker, clock, partitions=1) as lane:
        stuck = put(lane)
        await wait_until(lambda: len(broker.batches) == 1)
        clock.advance(1.0)
        broker.open()
        with pytest.raises(TryLater):
            await stuck
        broker.dead = -1
        await put(lane)
    assert len(broker.batches) == 2


async def test_too_many_waiting_records_are_refused_until_some_are_settled() -> None:
    broker = Broker()
    broker.close()
    async with gathering(broker, most_waiting=10) as lane:
        waiting = put(lane, 8)
        with pytest.raises(TryLater, match="over_capacity"):
            lane.reserve(3)
        lane.reserve(2)
        lane.release(2)
        broker.open()
        await waiting
        await put(lane, 10)


async def test_a_waiter_that_gave_up_harms_nobody() -> None:
    broker = Broker()
    broker.close()
    async with gathering(broker) as lane:
        gone, staying = put(lane), put(lane)
        gone.cancel()
        broker.open()
        await staying


async def test_a_stop_sends_what_waits_and_refuses_what_comes() -> None:
    broker = Broker()
    broker.close()
    async with gathering(broker) as lane:
        first = put(lane)
        await wait_until(lambda: len(broker.batches) == 1)
        second = put(lane)
        stop = asyncio.create_task(lane.stop(5.0))
        await asyncio.sleep(0)
        with pytest.raises(TryLater, match="stopping"):
            lane.reserve(1)
        broker.open()
        await asyncio.gather(first, second, stop)
    assert len(broker.records) == 2


async def test_a_stop_out_of_time_fails_what_waits() -> None:
    broker = Broker()
    broker.close()
    async with gathering(broker) as lane:
        first = put(lane)
        await wait_until(lambda: len(broker.batches) == 1)
        second = put(lane)
        await lane.stop(0.0)
        results = await asyncio.gather(first, second, return_exceptions=True)
    assert [type(result) for result in results] == [TryLater, TryLater]


async def test_a_stop_before_a_send_has_begun_fails_its_flush() -> None:
    broker = Broker()
    async with gathering(broker) as lane:
        answer = put(lane)
        lane._send_due()
        for send in lane._sends:
            send.cancel()
        await lane.stop(0.0)
        with pytest.raises(TryLater, match="stopping"):
            await answer
    assert broker.batches == []


async def test_an_unknown_error_ends_the_lane_and_promises_nothing() -> None:
    class Broken:
        async def send(self, outputs: Sequence[Output], *, deadline: float) -> None:
            raise Fatal("no_authorisation", "may not write")

    async with gathering(Broken()) as lane:
        with pytest.raises(TryLater):
            await put(lane)
        with pytest.raises(Fatal):
            await lane.wait()
        assert not lane.health().ready


async def test_the_system_clock_serves() -> None:
    broker = Broker()
    metrics = ApiMetrics(CollectorRegistry()).lanes[Lane.BULK]
    lane = Gathering(Lane.BULK, broker.send, SystemClock(), metrics, partitions=1)
    await lane.start()
    await put(lane)
    await lane.stop(1.0)
    assert lane.health().reason == "not sending"
