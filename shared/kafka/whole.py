"""Compacted topics, read whole by every instance and followed for ever, without a group."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Generic

from shared.clock import Clock
from shared.errors import BadRecord, TryLater
from shared.kafka.aio import AioCluster
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.port import Cluster, Consumer, Fetched
from shared.kafka.preflight import check_topics
from shared.kafka.reader import POLL, Reader
from shared.kafka.record import Decode, E, Record, TopicPartition
from shared.kafka.settings import KafkaSettings
from shared.kafka.workers import describe
from shared.lifecycle import Health
from shared.telemetry.logs import get_log

_log = get_log()

_POLL_RECORDS = 1000
_CLOSE = 2.0


class Cursor:
    """How far one partition has been applied."""

    def __init__(self, partition: TopicPartition, position: int) -> None:
        self.partition = partition
        self.position = position

    @property
    def committed(self) -> int:
        """Nothing is committed; what was applied is what counts as read."""
        return self.position

    @property
    def reading(self) -> bool:
        """Always."""
        return True

    def __len__(self) -> int:
        return 0


class WholeTopics(Reader, Generic[E]):
    """Applies every record of some topics from the beginning, then each new one as it comes.

    `start` returns when everything that lay on the topics at that moment is applied, so that nobody decides on half a
    table. `apply` gets the record and its event, or None for a tombstone (a record without value); it is called in
    the order of each partition, must not block, and must bear a record it has had before (after a restart they all
    come again). A record that cannot be read is counted and skipped: there is no offset to hold back. Any other error
    ends the component (`wait` raises it).

    `requires` are topics that the components behind it need, with their partitions: whoever starts first names all
    that is missing.
    """

    def __init__(
        self,
        *,
        connection: KafkaSettings,
        name: str,
        topics: Sequence[str],
        decode: Decode[E],
        apply: Callable[[Record, E | None], None],
        clock: Clock,
        metrics: KafkaMetrics,
        requires: Mapping[str, int] = MappingProxyType({}),
        stall_after: float = 60.0,
        cluster: Cluster | None = None,
    ) -> None:
        super().__init__(
            name,
            connection=connection,
            cluster=cluster or AioCluster(connection),
            clock=clock,
            metrics=metrics,
            stall_after=stall_after,
        )
        self._topics = tuple(topics)
        self._requires = requires
        self._decode = decode
        self._apply = apply
        self._cursors: dict[TopicPartition, Cursor] = {}
        self._whole = False

    async def start(self) -> None:
        """Read everything that is there. Raises TryLater when that is not done within `start_timeout`."""
        counts = await check_topics(self._cluster, {**self._requires, **dict.fromkeys(self._topics, 1)})
        partitions = [TopicPartition(topic, number) for topic in self._topics for number in range(counts[topic])]
        consumer = self._cluster.reader()
        self._begin(consumer)
        try:
            async with asyncio.timeout(self._connection.start_timeout):
                await self._read_whole(consumer, partitions)
        except TimeoutError:
            raise TryLater("kafka_not_read", f"{self._name}: not read whole within start_timeout") from None
        self._whole = True
        self._read(
            partial(consumer.poll, POLL, _POLL_RECORDS),
            self._take,
            canary=partitions[0],
            positions=self._cursors.values,
        )

    async def stop(self, deadline: float) -> None:
        """Disconnect. Repeatable."""
        self._whole = False
        await self._end(min(deadline, _CLOSE))

    def health(self) -> Health:
        """Ready once everything was read; it stays so while the cluster is away."""
        if self._error is not None:
            return Health(ready=False, live=False, reason=describe(self._error))
        return Health(ready=self._whole, reason="" if self._whole else "reading")

    async def up_to_date(self) -> bool:
        """Whether all that lay on the topics at the time of the call is applied. Raises TryLater."""
        ends = await self.consumer.end(list(self._cursors))
        return all(cursor.position >= ends[partition] for partition, cursor in self._cursors.items())

    async def _read_whole(self, consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        await consumer.start()
        consumer.assign(partitions)
        self._cursors = {each: Cursor(each, await consumer.beginning(each)) for each in partitions}
        for cursor in self._cursors.values():
            consumer.seek(cursor.partition, cursor.position)
        ends = await consumer.end(partitions)
        while any(cursor.position < ends[cursor.partition] for cursor in self._cursors.values()):
            for partition, fetched in (await consumer.poll(POLL, _POLL_RECORDS)).items():
                self._take(partition, fetched)
            await asyncio.sleep(0)

    def _take(self, partition: TopicPartition, fetched: Fetched) -> None:
        for record in fetched.records:
            try:
                event = None if record.value is None else self._decode(record)
            except BadRecord as error:
                self._metrics.skipped.labels(self._name, record.topic).inc()
                place = f"{partition} offset {record.offset}"
                _log.error("kafka_record_skipped", reader=self._name, place=place, code=error.code)
                continue
            self._apply(record, event)
        self._cursors[partition].position = fetched.position
        self._metrics.records.labels(self._name, *partition).inc(len(fetched.records))
