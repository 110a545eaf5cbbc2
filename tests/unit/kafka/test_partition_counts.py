"""Partition counts are asked for by one connection, which is made anew after an error."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from shared.errors import TryLater
from shared.kafka.memory import MemoryCluster
from shared.kafka.memory.clients import MemoryAdmin
from shared.kafka.partition_counts import PartitionCounts
from shared.kafka.port import TopicSpec
from shared.kafka.settings import KafkaSettings


class Admin(MemoryAdmin):
    """Counts its lives; fails while it is told to."""

    def __init__(self, counted: Counted) -> None:
        super().__init__(counted)
        self._counted = counted

    async def start(self) -> None:
        self._counted.started += 1
        await asyncio.sleep(0)
        await super().start()

    async def partitions(self, topics: Sequence[str]) -> Mapping[str, int]:
        if self._counted.away:
            raise TryLater("kafka_unavailable", "away")
        return await super().partitions(topics)

    async def close(self, timeout: float) -> None:
        self._counted.closed += 1
        await super().close(timeout)


class Counted(MemoryCluster):
    """Hands those out."""

    started = closed = 0
    away = False

    def admin(self) -> Admin:
        return Admin(self)


@pytest.fixture
async def cluster() -> Counted:
    cluster = Counted()
    await cluster.admin().create([TopicSpec("a", 3)])
    return cluster


@pytest.fixture
async def counts(cluster: Counted) -> PartitionCounts:
    counts = PartitionCounts(connection=KafkaSettings("memory"), cluster=cluster)
    await counts.start()
    return counts


async def test_many_questions_at_once_take_one_connection(cluster: Counted, counts: PartitionCounts) -> None:
    answers = await asyncio.gather(*(counts(["a", "b"]) for _ in range(5)))
    assert answers == [{"a": 3}] * 5
    await counts(["a"])
    await counts.stop(1.0)
    assert (cluster.started, cluster.closed) == (1, 1)


async def test_after_an_error_the_next_question_connects_anew(cluster: Counted, counts: PartitionCounts) -> None:
    await counts(["a"])
    cluster.away = True
    with pytest.raises(TryLater, match="away"):
        await counts(["a"])
    assert cluster.closed == 1
    cluster.away = False
    assert await counts(["a"]) == {"a": 3}
    assert cluster.started == 2


async def test_who_asks_after_the_stop_is_told_so(counts: PartitionCounts) -> None:
    await counts.stop(1.0)
    with pytest.raises(TryLater, match="asked any more"):
        await counts(["a"])
    await counts.start()
    assert await counts(["a"]) == {"a": 3}
