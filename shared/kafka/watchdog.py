"""Notices a reader that stands still although there is something to read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import Protocol

from shared.clock import Clock
from shared.errors import Fatal, TryLater
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.port import Consumer
from shared.kafka.record import TopicPartition

_LOOKS = 6  # per `stall_after`


class Position(Protocol):
    """A partition that is being read, as far as the watchdog cares. Its length is what was read and waits its turn."""

    @property
    def partition(self) -> TopicPartition:
        """Which."""
        ...

    @property
    def position(self) -> int:
        """The next offset to be read."""
        ...

    @property
    def committed(self) -> int:
        """Where a successor would begin."""
        ...

    @property
    def reading(self) -> bool:
        """Whether it should be moving if there is anything to read."""
        ...

    def __len__(self) -> int: ...


class Watchdog:
    """Compares positions with the ends of the partitions, and keeps the lag metric: of these positions and no others.

    A client may lose its fetches or its group after a broker restart without any sign (aio-libs/aiokafka#1154, #712,
    #703). A position counts as stuck when it has not moved for `stall_after` seconds with records behind it since
    before then; the group, when a reader has been without it for `join_within` seconds. A cluster that does not
    answer is no fault of the reader, nor is a process that was asleep: every count begins anew.
    """

    def __init__(
        self,
        consumer: Consumer,
        group: str,
        *,
        canary: TopicPartition,
        stall_after: float,
        join_within: float,
        clock: Clock,
        metrics: KafkaMetrics,
    ) -> None:
        self._consumer = consumer
        self._group = group
        self._canary = canary
        self._stall_after = stall_after
        self._join_within = join_within
        self._clock = clock
        self._metrics = metrics
        self._behind: dict[TopicPartition, tuple[int, float]] = {}
        self._measured: set[TopicPartition] = set()
        self._apart_since: float | None = None
        self._looked_at = clock.monotonic()

    async def run(self, positions: Callable[[], Collection[Position] | None]) -> None:
        """Look now and then at the positions, None outside the group. Raises Fatal for a reader that stands still."""
        while True:
            await asyncio.sleep(self._stall_after / _LOOKS)
            await self.look(positions())

    async def look(self, positions: Collection[Position] | None) -> None:
        """One look."""
        known = list(positions or ())
        now = self._clock.monotonic()
        if now - self._looked_at > self._stall_after / 2:
            self._forget()
        self._looked_at = now
        try:
            ends = await self._consumer.end([self._canary, *(each.partition for each in known)])
        except TryLater:
            self._forget()
            return
        self._measure(known, ends)
        self._judge_membership(positions is not None, now)
        self._judge_positions(known, ends, now)

    def _forget(self) -> None:
        self._behind.clear()
        self._apart_since = None

    def _measure(self, known: Collection[Position], ends: Mapping[TopicPartition, int]) -> None:
        """Lag of what is read here; of what went to others nothing is said any more, or it would be said for ever."""
        gone, self._measured = self._measured, {each.partition for each in known}
        for partition in gone - self._measured:
            with suppress(KeyError):  # whoever let it go may have been quicker
                self._metrics.lag.remove(self._group, *partition)
        for each in known:
            lag = max(ends[each.partition] - each.committed, 0)
            self._metrics.lag.labels(self._group, *each.partition).set(lag)

    def _judge_membership(self, member: bool, now: float) -> None:
        if member:
            self._apart_since = None
        elif self._apart_since is None:
            self._apart_since = now
        elif now - self._apart_since >= self._join_within:
            raise Fatal("kafka_group_lost", f"{self._group} has not been joined for {now - self._apart_since:.0f} s")

    def _judge_positions(self, known: Collection[Position], ends: Mapping[TopicPartition, int], now: float) -> None:
        behind = {}
        for each in known:
            if each.reading and not len(each) and ends[each.partition] > each.position:
                position, since = self._behind.get(each.partition, (-1, now))
                behind[each.partition] = (each.position, since if position == each.position else now)
        self._behind = behind
        for partition, (position, since) in behind.items():
            if now - since >= self._stall_after:
                raise Fatal("kafka_reader_stalled", f"{partition} stands at {position} since {now - since:.0f} s")
