"""A cluster in memory: topics, groups, transactional ids, and a place to make any of it fail."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from shared.clock import Clock, SystemClock
from shared.errors import Fatal
from shared.kafka.memory.clients import MemoryAdmin, MemoryConsumer, MemoryProducer, MemoryTransactionalProducer
from shared.kafka.memory.group import Group
from shared.kafka.memory.log import Fate, Log, Transaction
from shared.kafka.port import Assignor, Mark, TopicSpec, TopicState, UnknownTopic
from shared.kafka.record import Record, TopicPartition


class MemoryCluster:
    """Stands in for a cluster in unit tests. `before` is awaited before every operation of a client with its name
    (`poll`, `send`, `begin`, `write`, `commit`, `abort`, `init`, `committed`, `commit_offsets`, `join`): it may wait,
    or raise what the operation is to fail with. `after` likewise once the operation took effect, so that an outcome
    can be made unknown.
    """

    def __init__(self, topics: Mapping[str, int] | None = None, *, clock: Clock | None = None) -> None:
        self.before: Callable[[str], Awaitable[None]] = _nothing
        self.after: Callable[[str], Awaitable[None]] = _nothing
        self.specs: dict[str, TopicSpec] = {}
        self.epochs: dict[str, int] = {}
        self.transactions: dict[str, Transaction] = {}
        self.marks: dict[tuple[str, str, int], Mark] = {}
        self._clock = clock or SystemClock()
        self._logs: dict[str, list[Log]] = {}
        self._groups: dict[str, Group] = {}
        self._news = asyncio.Event()
        for name, partitions in (topics or {}).items():
            self.create(TopicSpec(name, partitions))

    def consumer(self, group: str, *, assignor: Assignor, instance_id: str | None = None) -> MemoryConsumer:
        """A member of the group; static membership makes no difference here."""
        del instance_id
        return MemoryConsumer(self, self._groups.setdefault(group, Group(group)), assignor)

    def reader(self) -> MemoryConsumer:
        """A consumer without a group."""
        return MemoryConsumer(self, Group(""), "roundrobin")

    def producer(self) -> MemoryProducer:
        """A plain producer."""
        return MemoryProducer(self)

    def transactional_producer(self, transactional_id: str) -> MemoryTransactionalProducer:
        """A producer for one transactional id."""
        return MemoryTransactionalProducer(self, transactional_id)

    def admin(self) -> MemoryAdmin:
        """A client for topics."""
        return MemoryAdmin(self)

    def create(self, spec: TopicSpec) -> None:
        """Create a topic."""
        self.specs[spec.name] = spec
        self._logs[spec.name] = [Log(spec.name, partition) for partition in range(spec.partitions)]

    def records(self, topic: str) -> list[Record]:
        """Everything that a reader of committed records can see, partition by partition."""
        return [record for log in self._logs[topic] for record in log.committed()]

    def committed(self, group: str, topic: str, partition: int) -> int | None:
        """A group's committed offset."""
        mark = self.marks.get((group, topic, partition))
        return None if mark is None else mark.offset

    def stable_end(self, topic: str, partition: int) -> int:
        """The last stable offset."""
        return self.log(topic, partition).stable_end

    def trim(self, topic: str, partition: int, start: int) -> None:
        """Delete what is older, as retention does."""
        self.log(topic, partition).start = start

    def lose_member(self, group: str) -> None:
        """The group forgets its oldest member, as when a session times out; the member does not know yet."""
        self._groups[group].forget_oldest()

    def state(self, topic: str) -> TopicState:
        """A topic as an admin client describes it."""
        spec = self.specs[topic]
        return TopicState(topic, spec.partitions, spec.replication or 1, dict(spec.config))

    def log(self, topic: str, partition: int) -> Log:
        """One partition. Raises what a producer's look-up raises."""
        logs = self._logs.get(topic)
        if logs is None:
            raise UnknownTopic(topic)
        if not 0 <= partition < len(logs):
            raise Fatal("kafka_unknown_partition", f"{topic} has {len(logs)} partitions, none numbered {partition}")
        return logs[partition]

    def partitions(self, topics: Sequence[str]) -> list[TopicPartition]:
        """All partitions of some topics."""
        return [TopicPartition(topic, number) for topic in topics for number in range(len(self._logs.get(topic, ())))]

    def end_transaction(self, transaction: Transaction, fate: Fate) -> None:
        """Commit or abort."""
        transaction.fate = fate
        if fate is Fate.COMMITTED:
            self.marks.update(transaction.marks)
        for log in transaction.logs:
            log.mark(transaction)
        self.announce()

    def now_ms(self) -> int:
        """Time for new records."""
        return int(self._clock.now().timestamp() * 1000)

    def announce(self) -> None:
        """Wake the readers."""
        self._news.set()
        self._news = asyncio.Event()

    async def news(self) -> None:
        """Wait until something was written."""
        await self._news.wait()


async def _nothing(operation: str) -> None:
    del operation
