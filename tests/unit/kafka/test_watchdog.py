"""A reader that stands still is noticed; an idle one, a busy one and a dead cluster are not mistaken for it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import cast

import pytest
from prometheus_client import CollectorRegistry

from shared.clock import ManualClock
from shared.errors import Fatal, TryLater
from shared.kafka.health import Pause
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.port import Consumer, Mark
from shared.kafka.record import TopicPartition
from shared.kafka.share import Bounds, Share
from shared.kafka.watchdog import Watchdog

PLACE = TopicPartition("t", 0)


class Ends:
    """A consumer that only knows where partitions end."""

    def __init__(self) -> None:
        self.at = 0
        self.away = False

    async def end(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        if self.away:
            raise TryLater("kafka_unavailable", "away")
        return dict.fromkeys(partitions, self.at)


class Scene:
    """A watchdog of 60 s over one partition, looking every 10 s."""

    def __init__(self) -> None:
        self.ends = Ends()
        self.registry = CollectorRegistry()
        self.clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
        consumer = cast("Consumer", self.ends)
        self.share = Share(PLACE, consumer, asyncio.Event(), Bounds())
        self.share.ready = True
        self.watchdog = Watchdog(
            consumer,
            "g",
            canary=PLACE,
            stall_after=60.0,
            join_within=90.0,
            clock=self.clock,
            metrics=KafkaMetrics(self.registry),
        )

    def lag(self) -> float | None:
        return self.registry.get_sample_value("kafka_lag_records", {"group": "g", "topic": "t", "partition": "0"})

    async def watch(self, seconds: int, *, member: bool = True) -> None:
        for _ in range(seconds // 10):
            await self.watchdog.look([self.share] if member else None)
            self.clock.advance(10.0)


async def test_a_position_that_does_not_move_although_there_is_more_is_fatal() -> None:
    scene = Scene()
    scene.ends.at = 5
    await scene.watch(60)
    with pytest.raises(Fatal, match=r"kafka_reader_stalled: t\[0\] stands at 0 since 60 s"):
        await scene.watch(10)


async def test_an_idle_partition_is_not_stuck_however_long_and_neither_is_one_that_just_got_something() -> None:
    scene = Scene()
    await scene.watch(600)
    scene.ends.at = 1
    await scene.watch(60)
    scene.share.position = 1
    await scene.watch(600)


async def test_a_position_that_moves_slowly_is_not_stuck() -> None:
    scene = Scene()
    scene.ends.at = 1000
    for _ in range(10):
        await scene.watch(50)
        scene.share.position += 1


async def test_a_paused_partition_is_not_stuck() -> None:
    scene = Scene()
    scene.ends.at = 5
    scene.share.trouble = Pause.RETRYING
    await scene.watch(300)


async def test_a_cluster_that_does_not_answer_starts_the_count_anew() -> None:
    scene = Scene()
    scene.ends.at = 5
    await scene.watch(50)
    scene.ends.away = True
    await scene.watch(300)
    await scene.watch(300, member=False)
    scene.ends.away = False
    await scene.watch(60)


async def test_a_process_that_was_asleep_starts_the_count_anew() -> None:
    scene = Scene()
    scene.ends.at = 5
    for member in (True, False):
        await scene.watch(50, member=member)
        scene.clock.advance(7200.0)
        await scene.watch(60, member=member)


async def test_a_reader_that_never_gets_back_into_its_group_is_fatal() -> None:
    scene = Scene()
    await scene.watch(90, member=False)
    with pytest.raises(Fatal, match="kafka_group_lost"):
        await scene.watch(10, member=False)


async def test_a_rebalance_is_no_loss_of_the_group() -> None:
    scene = Scene()
    for _ in range(5):
        await scene.watch(60, member=False)
        await scene.watch(10)


async def test_the_lag_counts_from_the_commit() -> None:
    registry = CollectorRegistry()
    scene = Scene()
    scene.watchdog = Watchdog(
        cast("Consumer", scene.ends),
        "g",
        canary=PLACE,
        stall_after=60.0,
        join_within=90.0,
        clock=scene.clock,
        metrics=KafkaMetrics(registry),
    )
    scene.ends.at, scene.share.position, scene.share.mark = 12, 10, Mark(4)
    await scene.watch(10)
    labels = {"group": "g", "topic": "t", "partition": "0"}
    assert registry.get_sample_value("kafka_lag_records", labels) == 8


async def test_the_lag_is_told_of_what_is_read_here_and_of_nothing_that_went_to_others() -> None:
    scene = Scene()
    scene.ends.at = 5
    await scene.watch(10)
    assert scene.lag() == 5
    await scene.watchdog.look([])
    assert scene.lag() is None
    await scene.watch(10)
    assert scene.lag() == 5
    await scene.watch(10, member=False)
    assert scene.lag() is None
