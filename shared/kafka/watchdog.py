"""Notices a reader that stands still although there is something to read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

from shared.clock import Clock
from shared.errors import Fatal, TryLater
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.port import Consumer
from shared.kafka.record import TopicPartition
from shared.kafka.share import Share

_LOOKS = 6  # per `stall_after`


class Watchdog:
    """Compares positions with the ends of the partitions, and keeps the lag metric.

    A client may lose its fetches after a broker restart without any sign (aio-libs/aiokafka#1154, #712, #703). Only a
    position that has not moved for `stall_after` seconds, with records behind it since before then, counts: an idle
    topic does not, nor does a cluster that does not answer.
    """

    def __init__(self, consumer: Consumer, group: str, stall_after: float, clock: Clock, metrics: KafkaMetrics) -> None:
        self._consumer = consumer
        self._group = group
        self._stall_after = stall_after
        self._clock = clock
        self._metrics = metrics
        self._behind: dict[TopicPartition, tuple[int, float]] = {}

    async def run(self, shares: Callable[[], Collection[Share]]) -> None:
        """Look now and then. Raises Fatal for a reader that stands still."""
        while True:
            await asyncio.sleep(self._stall_after / _LOOKS)
            try:
                await self.look([share for share in shares() if share.ready and not share.closed])
            except TryLater:
                self._behind.clear()

    async def look(self, shares: Collection[Share]) -> None:
        """One look at these partitions."""
        if not shares:
            self._behind.clear()
            return
        ends = await self._consumer.end([share.partition for share in shares])
        now = self._clock.monotonic()
        behind = {}
        for share in shares:
            end = ends[share.partition]
            self._metrics.lag.labels(self._group, *share.partition).set(max(end - share.committed, 0))
            if share.pause is None and not len(share) and end > share.position:
                position, since = self._behind.get(share.partition, (-1, now))
                behind[share.partition] = (share.position, since if position == share.position else now)
        self._behind = behind
        for partition, (position, since) in behind.items():
            if now - since >= self._stall_after:
                raise Fatal("kafka_reader_stalled", f"{partition} stands at {position} since {now - since:.0f} s")
