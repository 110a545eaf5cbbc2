"""A consumer on aiokafka: committed records of a group's partitions, or of chosen ones."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import aiokafka
from aiokafka import errors
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor

from shared.errors import TryLater
from shared.kafka.aio.buffer import Buffer
from shared.kafka.aio.common import address_of, ended, offsets_of, options
from shared.kafka.aio.errors import translated
from shared.kafka.port import Assignor, Fetched, Listener, Mark, OutOfRange
from shared.kafka.record import TopicPartition
from shared.kafka.settings import KafkaSettings

_ASSIGNORS = {"range": RangePartitionAssignor, "roundrobin": RoundRobinPartitionAssignor}
_END_PART = 0.5
_WAIT_MS = 1000
_WAIT_PAUSED_MS = 250
"""For so long a broker holds a fetch that finds nothing. One is under way at a time, so what is resumed or sought waits
for its end; and it costs 0.7 ms of CPU on both sides.
"""
_LOOK = 1.0  # between two looks at what to fetch without any news: by default five a second
_JOIN_GRACE = 5.0  # a request to join is answered when the slowest member has let go: wait at least that long for it


class AioConsumer:
    """A member of a group, or a reader without one."""

    def __init__(self, settings: KafkaSettings, group: str | None, assignor: Assignor, instance_id: str | None) -> None:
        self._settings = settings
        self._group = group
        self._assignor = assignor
        self._instance_id = instance_id
        self._connected: aiokafka.AIOKafkaConsumer | None = None
        self._positions: dict[TopicPartition, int] = {}
        self._paused: set[TopicPartition] = set()

    @property
    def _consumer(self) -> aiokafka.AIOKafkaConsumer:
        if self._connected is None:
            raise TryLater("kafka_consumer_closed", "the consumer is not started, or closed")
        return self._connected

    async def start(self) -> None:
        """Connect."""
        settings = self._settings
        patience = max(settings.request_timeout, settings.rebalance_timeout + _JOIN_GRACE)
        consumer = aiokafka.AIOKafkaConsumer(
            **(options(settings) | {"request_timeout_ms": int(patience * 1000)}),
            group_id=self._group,
            group_instance_id=self._instance_id,
            partition_assignment_strategy=(_ASSIGNORS[self._assignor],),
            isolation_level="read_committed",
            auto_offset_reset="none",
            enable_auto_commit=False,
            max_partition_fetch_bytes=settings.fetch_bytes,
            fetch_max_wait_ms=_WAIT_MS,
            session_timeout_ms=int(settings.session_timeout * 1000),
            heartbeat_interval_ms=int(settings.heartbeat_interval * 1000),
            rebalance_timeout_ms=int(settings.rebalance_timeout * 1000),
        )
        self._connected = consumer
        try:
            with translated(f"connect a consumer to {address_of(settings)}"):
                async with asyncio.timeout(settings.start_timeout):
                    await consumer.start()
                    consumer._fetcher._fetcher_timeout = _LOOK
                    if self._group is not None:
                        _let_commits_fail(consumer._coordinator)
        except BaseException:
            await self.close(settings.request_timeout)
            raise

    def subscribe(self, topics: Sequence[str], listener: Listener) -> None:
        """Join the group, in the background."""
        self._consumer.subscribe(list(topics), listener=_Bridge(self, listener))

    def assign(self, partitions: Sequence[TopicPartition]) -> None:
        """Read these and no others; the library forgets position and pause of those that stay."""
        consumer = self._consumer
        paused = consumer.paused()
        consumer.assign([aiokafka.TopicPartition(*place) for place in partitions])
        before = self._positions
        self._positions = {place: before[place] for place in partitions if place in before}
        for place, offset in self._positions.items():
            consumer.seek(aiokafka.TopicPartition(*place), offset)
        self._paused.clear()
        for place in partitions:
            if aiokafka.TopicPartition(*place) in paused or (self._group is not None and place not in before):
                self.pause(place)

    async def poll(self, timeout: float, max_records: int) -> Mapping[TopicPartition, Fetched]:
        """What is there, waiting at most `timeout` seconds for it."""
        buffer = Buffer(self._consumer)
        with translated("poll"):
            try:
                taken = await buffer.take(timeout, max_records)
            except errors.NoOffsetForPartitionError:  # not sought yet: the stage does that itself
                return {}
            except errors.OffsetOutOfRangeError as error:
                places = frozenset(TopicPartition(*place) for place in error.args[0])
                raise OutOfRange(places, f"poll: {', '.join(map(str, sorted(places)))}") from error
        news = {place: fetched for place, fetched in taken.items() if place in self._positions}
        self._positions |= {place: fetched.position for place, fetched in news.items()}
        return news

    def behind(self, partition: TopicPartition) -> int:
        """As the broker said with what it sent last."""
        position = self._positions.get(partition)
        if position is None:
            return 0
        end = self._consumer.last_stable_offset(aiokafka.TopicPartition(*partition))
        return 0 if end is None else max(int(end) - position, 0)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Deliver from here on; what was fetched before is forgotten."""
        with translated(f"seek {partition}"):
            self._consumer.seek(aiokafka.TopicPartition(*partition), offset)
        self._positions[partition] = offset

    def pause(self, partition: TopicPartition) -> None:
        """Deliver nothing of it."""
        with translated(f"pause {partition}"):
            self._consumer.pause(aiokafka.TopicPartition(*partition))
        self._paused.add(partition)
        self._fit_wait()

    def resume(self, partition: TopicPartition) -> None:
        """Deliver again."""
        with translated(f"resume {partition}"):
            self._consumer.resume(aiokafka.TopicPartition(*partition))
        self._paused.discard(partition)
        self._fit_wait()

    def _fit_wait(self) -> None:
        """Fetches are short while something may be resumed."""
        self._consumer._fetcher._fetch_max_wait_ms = _WAIT_PAUSED_MS if self._paused else _WAIT_MS

    async def committed(self, partition: TopicPartition) -> Mark | None:
        """The group's offset as the coordinator has it now."""
        place = aiokafka.TopicPartition(*partition)
        with translated(f"read the committed offset of {partition}"):
            async with asyncio.timeout(self._settings.request_timeout):
                # `committed` of the library drops the note
                found = await self._consumer._coordinator.fetch_committed_offsets([place])
        return Mark(found[place].offset, found[place].metadata) if place in found else None

    async def beginning(self, partition: TopicPartition) -> int:
        """The first offset that still exists."""
        place = aiokafka.TopicPartition(*partition)
        with translated(f"find the beginning of {partition}"):
            async with asyncio.timeout(self._settings.request_timeout):
                return int((await self._consumer.beginning_offsets([place]))[place])

    async def offset_at(self, partition: TopicPartition, timestamp: int) -> int:
        """The first offset at or after a time."""
        place = aiokafka.TopicPartition(*partition)
        with translated(f"find a time in {partition}"):
            async with asyncio.timeout(self._settings.request_timeout):
                found = (await self._consumer.offsets_for_times({place: timestamp}))[place]
        return int(found.offset) if found is not None else (await self.end([partition]))[partition]

    async def end(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        """The last stable offsets."""
        places = [aiokafka.TopicPartition(*place) for place in partitions]
        with translated("find the end of partitions"):
            async with asyncio.timeout(self._settings.request_timeout):
                ends = await self._consumer.end_offsets(places)
        return {TopicPartition(*place): offset for place, offset in ends.items()}

    async def commit(self, marks: Mapping[TopicPartition, Mark]) -> None:
        """Commit outside a transaction."""
        with translated("commit offsets"):
            async with asyncio.timeout(self._settings.request_timeout):
                await self._consumer.commit(offsets_of(marks))

    async def close(self, timeout: float) -> None:
        """Leave the group and disconnect. Never raises."""
        consumer, self._connected = self._connected, None
        self._positions.clear()
        self._paused.clear()
        if consumer is None or await ended(consumer.stop(), timeout):
            return
        # Cut off in the middle of leaving: end the parts that are still running.
        coordinator = consumer._coordinator
        if isinstance(coordinator, GroupCoordinator):
            await ended(coordinator._stop_heartbeat_task(), _END_PART)
            await ended(coordinator._stop_commit_offsets_refresh_task(), _END_PART)
            coordinator = None  # to close it is to leave the group, which would take its time again
        for part in (coordinator, consumer._fetcher, consumer._client):
            if part is not None:
                await ended(part.close(), _END_PART)


def _let_commits_fail(coordinator: Any) -> None:
    """Where a topic is gone. The library commits again until there is one of that name: then the offset of what is gone
    stands for a topic that was made anew, and what is before it there is never read.
    """
    commit = coordinator._do_commit_offsets

    async def once(assignment: Any, offsets: Any) -> None:
        try:
            await commit(assignment, offsets)
        except errors.UnknownTopicOrPartitionError as error:
            raise errors.KafkaError("a topic is gone") from error

    coordinator._do_commit_offsets = once


class _Bridge(aiokafka.ConsumerRebalanceListener):  # type: ignore[misc]
    """Passes rebalances on, with partitions paused and positions forgotten."""

    def __init__(self, consumer: AioConsumer, listener: Listener) -> None:
        self._consumer = consumer
        self._listener = listener

    async def on_partitions_assigned(self, assigned: set[aiokafka.TopicPartition]) -> None:
        """A new assignment begins."""
        partitions = frozenset(TopicPartition(*place) for place in assigned)
        self._consumer._positions.clear()
        self._consumer._paused.clear()
        for partition in partitions:
            self._consumer.pause(partition)
        await self._listener.assigned(partitions)

    async def on_partitions_revoked(self, revoked: set[aiokafka.TopicPartition]) -> None:
        """The assignment ends."""
        self._consumer._positions.clear()
        await self._listener.revoked(frozenset(TopicPartition(*place) for place in revoked))
