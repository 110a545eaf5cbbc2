"""Reads a group's share of some topics into bounded backlogs, over rebalances, until it is stopped or fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Protocol

import msgspec

from shared.clock import Clock
from shared.errors import BadSettings
from shared.kafka.health import Health, Pause
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.port import Assignor, Cluster, Consumer, Fetched
from shared.kafka.preflight import check_topics
from shared.kafka.reader import POLL, Reader
from shared.kafka.record import TopicPartition
from shared.kafka.settings import KafkaSettings
from shared.kafka.share import Share
from shared.kafka.workers import describe
from shared.telemetry.logs import get_log

_log = get_log()

_CLOSE_LEAST = 1.0


class Reading(msgspec.Struct, frozen=True):
    """What to read, and as whom.

    `needs` are the topics that must exist, with the least number of partitions of each. `stall_after` is how long
    (seconds) the reader may stand still with records to read, or fail to read at all, before the stage ends. It
    rests for `rest` seconds after a poll that brought the last of what it knows to be there, so that the next brings
    more; over a backlog it does not, however little a poll brings of it.
    """

    group: str
    topics: tuple[str, ...]
    needs: Mapping[str, int]
    partition_assignment: Assignor
    group_instance_id: str | None
    poll_records: int
    stall_after: float = 60.0
    rest: float = 0.0


class Stage(Protocol):
    """What is done with the partitions."""

    def assigned(self, shares: Sequence[Share]) -> None:
        """Begin to work on these. Returns at once: heartbeats wait for it."""
        ...

    async def revoked(self, deadline: float) -> None:
        """End the work on what was assigned, within about `deadline` seconds. The shares are closed already."""
        ...


class Intake(Reader):
    """The reading half of a stage: one consumer, its poll loop, its assignments, its end.

    The poll loop never waits for work: a backlog that is full pauses its own partition, so that the client's buffers
    stay empty (aiokafka sends a broker no fetch while it holds records younger than 100 ms from it).
    """

    def __init__(
        self,
        reading: Reading,
        *,
        connection: KafkaSettings,
        cluster: Cluster,
        new_share: Callable[[TopicPartition, Consumer], Share],
        clock: Clock,
        metrics: KafkaMetrics,
    ) -> None:
        super().__init__(
            reading.group,
            connection=connection,
            cluster=cluster,
            clock=clock,
            metrics=metrics,
            stall_after=reading.stall_after,
        )
        self.reading = reading
        self._partition_counts: Mapping[str, int] = {}
        self._new_share = new_share
        self._stage: Stage | None = None
        self._shares: dict[TopicPartition, Share] = {}
        self._releasing = asyncio.Lock()
        self._joined = False
        self._stopping = False
        self._resting = False
        metrics.assigned.labels(reading.group).set_function(lambda: len(self._shares))
        for why in Pause:
            metrics.paused.labels(reading.group, why).set_function(partial(self._paused, why))

    def partition_count(self, topic: str) -> int:
        """Partitions of one of the topics in `needs`, as they were at the start."""
        return self._partition_counts[topic]

    async def start(self, stage: Stage) -> None:
        """Check the topics, connect, and join the group in the background; `health` says when that is done.

        The stage gets what is assigned.
        """
        reading = self.reading
        counts = await check_topics(self._cluster, reading.needs)
        if reading.partition_assignment == "range" and len({counts[topic] for topic in reading.topics}) > 1:
            found = ", ".join(f"{topic} {counts[topic]}" for topic in reading.topics)
            raise BadSettings("kafka_unequal_partitions", f"{reading.group} needs equal counts, found {found}")
        consumer = self._cluster.consumer(
            reading.group, assignor=reading.partition_assignment, instance_id=reading.group_instance_id
        )
        await consumer.start()
        self._begin(consumer)
        self._partition_counts = counts
        self._stage = stage
        self._stopping = self._joined = False
        consumer.subscribe(reading.topics, self)
        self._read(
            self._fetch,
            self._take,
            canary=TopicPartition(reading.topics[0], 0),
            positions=lambda: self._positioned() if self._joined else None,
            join_within=reading.stall_after + self._connection.rebalance_timeout,
        )

    async def stop(self, deadline: float) -> None:
        """Poll no more, let the stage end its work, leave the group; about `deadline` seconds in all. Repeatable."""
        self._stopping = True
        end = self._clock.monotonic() + deadline
        if self._connected is not None:
            await self._workers.finish(0.0)
            await self._release(max(deadline - 2 * _CLOSE_LEAST, deadline / 2))
        await self._end(max(end - self._clock.monotonic(), _CLOSE_LEAST))

    def fail(self, error: Exception) -> None:
        """End the stage: nothing new is begun either."""
        super().fail(error)
        for share in self._shares.values():
            share.close()

    def health(self) -> Health:
        """How it is now."""
        shares = self._shares.values()
        age = self._clock.monotonic() - self._polled_at
        waiting = [str(share.partition) for share in shares if not share.ready and share.pause is None]
        reason = ""
        if self._error is not None:
            reason = describe(self._error)
        elif self._stopping or self._connected is None:
            reason = "not running"
        elif not self._joined:
            reason = "joining the group"
        elif waiting:
            reason = f"positioning {', '.join(waiting)}"
        return Health(
            ready=not reason,
            live=self._error is None and (self._connected is None or age < self.reading.stall_after),
            reason=reason,
            assigned=frozenset(self._shares),
            paused={share.partition: share.pause for share in shares if share.pause is not None},
            poll_age=age,
        )

    async def assigned(self, partitions: frozenset[TopicPartition]) -> None:
        """Hand a new assignment to the stage."""
        if self._stopping or self._error is not None or self._stage is None:
            return
        _log.info("kafka_partitions_assigned", group=self.reading.group, count=len(partitions))
        self._metrics.rebalances.labels(self.reading.group).inc()
        self._shares = {partition: self._new_share(partition, self.consumer) for partition in sorted(partitions)}
        try:
            self._stage.assigned(list(self._shares.values()))
        except Exception as error:
            self.fail(error)
        self._joined = True

    async def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """Take the assignment back: with this protocol all of it, whatever moves."""
        _log.info("kafka_partitions_revoked", group=self.reading.group, count=len(partitions))
        self._joined = False
        try:
            await self._release(self._connection.rebalance_timeout * 2 / 3)
        except Exception as error:
            self.fail(error)

    def _paused(self, why: Pause) -> int:
        return sum(share.pause is why for share in self._shares.values())

    def _positioned(self) -> list[Share]:
        """Shares whose positions mean something."""
        return [share for share in self._shares.values() if share.ready]

    async def _release(self, deadline: float) -> None:
        """End the stage's work on everything it holds. A second caller waits for the first."""
        async with self._releasing:
            shares, self._shares = list(self._shares.values()), {}
            for share in shares:
                share.close()
                for gauge in (self._metrics.lag, self._metrics.oldest_age):
                    with suppress(KeyError):  # not every share has lived long enough to have one
                        gauge.remove(self.reading.group, *share.partition)
            if shares and self._stage is not None:
                started = self._clock.monotonic()
                await self._stage.revoked(deadline)
                self._metrics.release_seconds.labels(self.reading.group).observe(self._clock.monotonic() - started)

    async def _fetch(self) -> Mapping[TopicPartition, Fetched]:
        """Poll. A fetch costs the broker and us as much as reading some ten records."""
        reading = self.reading
        if self._resting:
            await asyncio.sleep(reading.rest)
        fetched = await self.consumer.poll(POLL, reading.poll_records)
        self._resting = bool(reading.rest) and any(one.records for one in fetched.values()) and self._level()
        return fetched

    def _level(self) -> bool:
        """Whether nothing more is known to be there."""
        return not any(self.consumer.behind(share.partition) for share in self._positioned())

    def _take(self, partition: TopicPartition, fetched: Fetched) -> None:
        share = self._shares.get(partition)
        if share is not None and share.ready and not share.closed:
            share.add(fetched)
