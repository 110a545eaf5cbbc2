"""The port's clients on a cluster in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from shared.errors import Refused, TryLater
from shared.kafka.memory.group import Group
from shared.kafka.memory.log import Fate, Transaction
from shared.kafka.port import (
    MAX_RECORD_BYTES,
    Assignor,
    Fenced,
    Fetched,
    Listener,
    Mark,
    OutOfRange,
    Packed,
    ProducerLost,
    TopicSpec,
    TopicState,
)
from shared.kafka.record import Output, TopicPartition

if TYPE_CHECKING:
    from shared.kafka.memory.cluster import MemoryCluster

_RECORD_OVERHEAD = 21


class MemoryConsumer:
    """A member of a group."""

    def __init__(self, cluster: MemoryCluster, group: Group, assignor: Assignor) -> None:
        self.assignor = assignor
        self.topics: tuple[str, ...] = ()
        self._cluster = cluster
        self._group = group
        self._assignment: frozenset[TopicPartition] = frozenset()
        self._positions: dict[TopicPartition, int] = {}
        self._paused: set[TopicPartition] = set()
        self._membership: asyncio.Task[None] | None = None
        self._chosen = False

    async def start(self) -> None:
        """Connect."""

    def subscribe(self, topics: Sequence[str], listener: Listener) -> None:
        """Join the group, in the background."""
        self.topics = tuple(topics)
        self._membership = asyncio.create_task(self._belong(listener))

    def assign(self, partitions: Sequence[TopicPartition]) -> None:
        """Read these and no others."""
        before, self._assignment = self._assignment, frozenset(partitions)
        self._positions = {place: offset for place, offset in self._positions.items() if place in self._assignment}
        self._paused &= self._assignment
        if self._group.name:
            self._paused |= self._assignment - before
        self._chosen = True

    async def poll(self, timeout: float, max_records: int) -> Mapping[TopicPartition, Fetched]:
        """What is there, waiting at most `timeout` seconds for it."""
        await self._cluster.before("poll")
        news = self._read(max_records)
        if not news:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._cluster.news()
            news = self._read(max_records)
        return news

    def behind(self, partition: TopicPartition) -> int:
        """As it is now."""
        end = self._cluster.log(*partition).stable_end
        return max(end - self._positions.get(partition, end), 0)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Deliver from here on."""
        self._own(partition)
        self._positions[partition] = offset

    def pause(self, partition: TopicPartition) -> None:
        """Deliver nothing of it."""
        self._own(partition)
        self._paused.add(partition)

    def resume(self, partition: TopicPartition) -> None:
        """Deliver again."""
        self._own(partition)
        self._paused.discard(partition)
        self._cluster.announce()

    async def committed(self, partition: TopicPartition) -> Mark | None:
        """The group's offset."""
        await self._cluster.before("committed")
        return self._cluster.marks.get((self._group.name, *partition))

    async def beginning(self, partition: TopicPartition) -> int:
        """The first offset that still exists."""
        return self._cluster.log(*partition).start

    async def offset_at(self, partition: TopicPartition, timestamp: int) -> int:
        """The first offset at or after a time."""
        log = self._cluster.log(*partition)
        young = (record.offset for record in log.committed() if record.timestamp >= timestamp)
        return next(young, log.stable_end)

    async def end(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        """The last stable offsets."""
        return {partition: self._cluster.log(*partition).stable_end for partition in partitions}

    async def commit(self, marks: Mapping[TopicPartition, Mark]) -> None:
        """Commit outside a transaction."""
        await self._cluster.before("commit_offsets")
        if not (self._chosen or self._group.knows(self)) or not marks.keys() <= self._assignment:
            raise TryLater("kafka_unavailable", "commit offsets: the group has moved on")
        self._cluster.marks.update({(self._group.name, *place): mark for place, mark in marks.items()})

    async def close(self, timeout: float) -> None:
        """Leave the group."""
        del timeout
        if self._membership is not None:
            self._membership.cancel()
            await asyncio.gather(self._membership, return_exceptions=True)
        self._forget()
        self._group.leave(self)

    async def _belong(self, listener: Listener) -> None:
        """Follow the group from generation to generation; join anew when it has forgotten us."""
        generation = 0
        while True:
            await self._cluster.before("join")
            if not self._group.knows(self):
                self._group.join(self)
            if self._group.generation == generation:
                await self._group.changed()
                continue
            generation = self._group.generation
            self._positions.clear()
            await listener.revoked(self._assignment)
            self._forget()
            self._group.give_back(self)
            while self._group.generation == generation and not self._group.complete:
                await self._group.changed()
            if self._group.generation == generation:
                self._assignment = self._group.partitions_of(self, self._cluster.partitions(self.topics))
                self._paused.update(self._assignment)
                await listener.assigned(self._assignment)

    def _read(self, max_records: int) -> dict[TopicPartition, Fetched]:
        news = {}
        for partition, position in self._positions.items():
            if partition in self._paused or max_records <= 0:
                continue
            log = self._cluster.log(*partition)
            if not log.start <= position <= log.end:
                del self._positions[partition]
                raise OutOfRange(frozenset({partition}), f"poll: {partition} at {position}")
            fetched = log.read(position, max_records)
            if fetched.position != position:
                self._positions[partition] = fetched.position
                news[partition] = fetched
                max_records -= len(fetched.records)
        return news

    def _own(self, partition: TopicPartition) -> None:
        if partition not in self._assignment:
            raise TryLater("kafka_unavailable", f"{partition} is not assigned")

    def _forget(self) -> None:
        self._assignment = frozenset()
        self._positions.clear()
        self._paused.clear()


class MemoryPacked:
    """Records, checked."""

    def __init__(self, outputs: Sequence[Output]) -> None:
        self.outputs = outputs

    @property
    def records(self) -> int:
        """How many."""
        return len(self.outputs)


class MemoryProducer:
    """A plain producer."""

    def __init__(self, cluster: MemoryCluster) -> None:
        self._cluster = cluster
        self._closed = asyncio.Event()

    async def start(self) -> None:
        """Connect."""
        await self._cluster.before("init")

    def pack(self, outputs: Sequence[Output], limit: int = MAX_RECORD_BYTES) -> MemoryPacked:
        """Check the sizes."""
        for output in outputs:
            headers = sum(len(name) + len(value or b"") for name, value in output.headers)
            size = _RECORD_OVERHEAD + headers + len(output.key or b"") + len(output.value or b"")
            if size > limit:
                raise Refused("record_too_large", f"{size} bytes for {output.topic}, at most {limit}")
        return MemoryPacked(outputs)

    async def send(self, packed: Packed) -> None:
        """Write."""
        await self._unless_closed("send")
        self._append([packed], None)
        await self._cluster.after("send")

    async def close(self, timeout: float) -> None:
        """Disconnect."""
        del timeout
        self._closed.set()

    def _append(self, packed: Sequence[Packed], transaction: Transaction | None) -> None:
        outputs = [output for part in packed for output in cast("MemoryPacked", part).outputs]
        logs = [self._cluster.log(output.topic, output.partition) for output in outputs]
        now_ms = self._cluster.now_ms()
        for log, output in zip(logs, outputs, strict=True):
            log.append(output, now_ms, transaction)
        self._cluster.announce()

    async def _unless_closed(self, operation: str) -> None:
        """Let the test interfere; a producer that is closed meanwhile fails whoever waits on it."""
        interference = asyncio.ensure_future(self._cluster.before(operation))
        closed = asyncio.ensure_future(self._closed.wait())
        try:
            await asyncio.wait({interference, closed}, return_when=asyncio.FIRST_COMPLETED)
            if self._closed.is_set():
                raise ProducerLost("kafka_producer_closed", "the producer is closed")
            await interference
        finally:
            interference.cancel()
            closed.cancel()


class MemoryTransactionalProducer(MemoryProducer):
    """A producer for one transactional id."""

    def __init__(self, cluster: MemoryCluster, transactional_id: str) -> None:
        super().__init__(cluster)
        self._id = transactional_id
        self._epoch = -1
        self._transaction: Transaction | None = None

    async def start(self) -> None:
        """Fence all others of this id and abort their open transaction."""
        await super().start()
        cluster = self._cluster
        self._epoch = cluster.epochs[self._id] = cluster.epochs.get(self._id, -1) + 1
        left = cluster.transactions.pop(self._id, None)
        if left is not None and left.fate is Fate.OPEN:
            cluster.end_transaction(left, Fate.ABORTED)

    async def begin(self) -> None:
        """Begin."""
        await self._unless_closed("begin")
        self._check()
        if self._transaction is not None:
            raise ProducerLost("kafka_unavailable", "begin a transaction: one is open")
        self._transaction = self._cluster.transactions[self._id] = Transaction()

    async def write(self, packed: Sequence[Packed], marks: Mapping[TopicPartition, Mark], group: str) -> None:
        """Records and offsets."""
        await self._unless_closed("write")
        transaction = self._current()
        self._append(packed, transaction)
        transaction.marks.update({(group, *place): mark for place, mark in marks.items()})
        await self._cluster.after("write")

    async def commit(self) -> None:
        """All."""
        await self._unless_closed("commit")
        self._cluster.end_transaction(self._current(), Fate.COMMITTED)
        self._transaction = None
        await self._cluster.after("commit")

    async def abort(self) -> None:
        """Nothing."""
        await self._unless_closed("abort")
        self._cluster.end_transaction(self._current(), Fate.ABORTED)
        self._transaction = None

    def _check(self) -> None:
        if self._cluster.epochs[self._id] != self._epoch:
            raise Fenced("kafka_fenced", f"{self._id} has a newer producer")

    def _current(self) -> Transaction:
        self._check()
        if self._transaction is None:
            raise ProducerLost("kafka_unavailable", "no transaction is open")
        return self._transaction


class MemoryAdmin:
    """A client for topics."""

    def __init__(self, cluster: MemoryCluster) -> None:
        self._cluster = cluster

    async def start(self) -> None:
        """Connect."""
        await self._cluster.before("init")

    async def partitions(self, topics: Sequence[str]) -> Mapping[str, int]:
        """Partition counts of those that exist."""
        return {name: state.partitions for name, state in (await self.describe(topics)).items()}

    async def describe(self, topics: Sequence[str]) -> Mapping[str, TopicState]:
        """Those that exist."""
        return {name: self._cluster.state(name) for name in topics if name in self._cluster.specs}

    async def create(self, specs: Sequence[TopicSpec]) -> frozenset[str]:
        """Create what does not exist."""
        created = [spec for spec in specs if spec.name not in self._cluster.specs]
        for spec in created:
            if spec.partitions < 1:
                raise Refused("kafka_topic_refused", f"topic {spec.name}: InvalidPartitionsError")
            self._cluster.create(spec)
        return frozenset(spec.name for spec in created)

    async def close(self, timeout: float) -> None:
        """Disconnect."""
        del timeout
