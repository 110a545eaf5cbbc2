"""What the behaviour suites need of a cluster, in memory or real, and short ways to say it."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from random import Random
from typing import Any, Protocol, TypeVar

from prometheus_client import CollectorRegistry

from shared.clock import Clock, SystemClock
from shared.contracts.topics import retry
from shared.errors import BadRecord
from shared.kafka.at_least_once import AtLeastOnceRunner
from shared.kafka.memory import MemoryCluster
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.port import Cluster, TopicSpec
from shared.kafka.record import Decode, Headers, Output, Received, Record
from shared.kafka.retries import RetryPlan
from shared.kafka.sending import Sender
from shared.kafka.settings import KafkaSettings
from shared.kafka.tenure import Finishing
from shared.kafka.transactional import TransactionalRunner
from tests.support import wait_until

Finish = Finishing[str]
Handler = Callable[[Sequence[Received[str]]], Awaitable[Sequence[Output]]]


class Closable(Protocol):
    """Any client of the port."""

    async def close(self, timeout: float) -> None: ...


C = TypeVar("C", bound=Closable)


class Truth(Protocol):
    """What the cluster holds, seen past the kit."""

    async def records(self, topic: str) -> list[Record]:
        """All committed records, partition by partition."""
        ...

    async def committed(self, group: str, topic: str, partition: int) -> int | None:
        """A group's offset."""
        ...

    async def stable_end(self, topic: str, partition: int) -> int:
        """What a reader can reach."""
        ...


class MemoryTruth:
    """Looks into the cluster in memory."""

    def __init__(self, cluster: MemoryCluster) -> None:
        self._cluster = cluster

    async def records(self, topic: str) -> list[Record]:
        return self._cluster.records(topic)

    async def committed(self, group: str, topic: str, partition: int) -> int | None:
        return self._cluster.committed(group, topic, partition)

    async def stable_end(self, topic: str, partition: int) -> int:
        return self._cluster.stable_end(topic, partition)


def text(record: Record) -> str:
    """The decoder of these tests: UTF-8, where nothing and `poison` cannot be read."""
    if not record.value or record.value == b"poison":
        raise BadRecord("not_text", "value is empty or poisoned")
    return record.value.decode()


def dead_letter_topic(topic: str) -> str:
    return f"{topic}.dlq"


class Kit:
    """One test's cluster: topics and groups of its own, and everything it started is stopped with it."""

    def __init__(self, cluster: Cluster, settings: KafkaSettings, truth: Truth) -> None:
        self.cluster = cluster
        self.settings = settings
        self.truth = truth
        self.registry = CollectorRegistry()
        self.metrics = KafkaMetrics(self.registry)
        self.name = f"t{uuid.uuid4().hex[:10]}"
        self.clock: Clock = SystemClock()
        self._stack = AsyncExitStack()
        self._count = 0

    async def close(self) -> None:
        await self._stack.aclose()

    def sample(self, name: str, **labels: str) -> float | None:
        """A metric's value, None when there is none."""
        return self.registry.get_sample_value(name, labels)

    async def topic(self, partitions: int = 1, *, dead_letter_partitions: int = 1, **config: str) -> str:
        """A new topic and its dead-letter topic; `max_message_bytes=…` sets `max.message.bytes`."""
        self._count += 1
        name = f"{self.name}.{self._count}"
        settings = {key.replace("_", "."): value for key, value in config.items()}
        admin = self.keep(self.cluster.admin())
        await admin.start()
        await admin.create(
            [TopicSpec(name, partitions, settings), TopicSpec(dead_letter_topic(name), dead_letter_partitions)]
        )
        return name

    async def retried(self, topic: str, *tiers: str, partitions: int = 1) -> RetryPlan:
        """A plan with these tiers for a topic, and its retry topics."""
        admin = self.keep(self.cluster.admin())
        await admin.start()
        await admin.create([TopicSpec(retry(topic, tier), partitions) for tier in tiers])
        return RetryPlan(retry, tiers)

    def group(self) -> str:
        self._count += 1
        return f"{self.name}.g{self._count}"

    def keep(self, client: C) -> C:
        """Close this client in the end, however the test ends."""
        self._stack.push_async_callback(client.close, 5.0)
        return client

    def on_close(self, stop: Callable[[float], Awaitable[None]], deadline: float) -> None:
        """Stop this in the end."""
        self._stack.push_async_callback(stop, deadline)

    async def sender(self) -> Sender:
        sender = Sender(connection=self.settings, clock=self.clock, metrics=self.metrics, cluster=self.cluster)
        await sender.start()
        self._stack.push_async_callback(sender.stop, 1.0)
        return sender

    async def write(self, topic: str, *values: str | bytes | None, partition: int = 0, headers: Headers = ()) -> None:
        """One record for each value, in one send."""
        encoded = [value.encode() if isinstance(value, str) else value for value in values]
        await (await self.sender()).send([Output(topic, partition, b"k", value, headers) for value in encoded])

    async def write_transaction(self, topic: str, *values: str, partition: int = 0, commit: bool = True) -> None:
        """The values in one transaction, whose markers and aborted records leave gaps in the offsets."""
        producer = self.keep(self.cluster.transactional_producer(f"{self.name}.writer"))
        await producer.start()
        await producer.begin()
        packed = producer.pack([Output(topic, partition, None, value.encode()) for value in values])
        await producer.write([packed], {}, self.group())
        await (producer.commit() if commit else producer.abort())

    async def transactional(
        self,
        topics: Sequence[str],
        handle: Any,
        *,
        decode: Decode[Any] = text,
        group: str | None = None,
        start: bool = True,
        **options: Any,
    ) -> TransactionalRunner[Any]:
        runner = TransactionalRunner(
            connection=self.settings,
            group=group or self.group(),
            topics=topics,
            decode=decode,
            handle=handle,
            dead_letter_topic=dead_letter_topic,
            clock=self.clock,
            metrics=self.metrics,
            cluster=self.cluster,
            random=Random(1),
            **options,
        )
        self._stack.push_async_callback(runner.stop, 5.0)
        if start:
            await runner.start()
        return runner

    async def at_least_once(
        self,
        topics: Sequence[str],
        handle: Any,
        *,
        decode: Decode[Any] = text,
        group: str | None = None,
        start: bool = True,
        **options: Any,
    ) -> AtLeastOnceRunner[Any]:
        runner = AtLeastOnceRunner(
            connection=self.settings,
            group=group or self.group(),
            topics=topics,
            decode=decode,
            handle=handle,
            dead_letter_topic=dead_letter_topic,
            clock=self.clock,
            metrics=self.metrics,
            cluster=self.cluster,
            random=Random(1),
            **options,
        )
        self._stack.push_async_callback(runner.stop, 5.0)
        if start:
            await runner.start()
        return runner

    async def values(self, topic: str) -> list[str]:
        """The values of all committed records."""
        return [(record.value or b"").decode() for record in await self.truth.records(topic)]

    async def until_values(self, topic: str, expected: Sequence[str], deadline: float = 20.0) -> None:
        """Wait until a topic holds these values, in any order between partitions; more than these fails at once."""

        async def there() -> bool:
            found = await self.values(topic)
            assert len(found) <= len(expected), f"{len(found)} records, expected {len(expected)}"
            return sorted(found) == sorted(expected)

        await wait_until(there, deadline, waiting_for=f"{len(expected)} records on {topic}")

    async def until_records(self, topic: str, count: int) -> list[Record]:
        """Wait until a topic holds so many records, and give them; more fails at once.

        A transaction's markers reach its partitions one by one: offsets may be visible before the outputs are.
        """

        async def there() -> bool:
            found = len(await self.truth.records(topic))
            assert found <= count, f"{found} records, expected {count}"
            return found == count

        await wait_until(there, 20.0, waiting_for=f"{count} records on {topic}")
        return await self.truth.records(topic)

    async def lag(self, group: str, topic: str, partition: int = 0) -> int:
        """Offsets between the group's commit and the stable end; a group without commit is at 0."""
        end = await self.truth.stable_end(topic, partition)
        return end - (await self.truth.committed(group, topic, partition) or 0)

    async def until_no_lag(self, group: str, topic: str, partitions: int = 1) -> None:
        async def level() -> bool:
            return [await self.lag(group, topic, partition) for partition in range(partitions)] == [0] * partitions

        await wait_until(level, 20.0, waiting_for=f"no lag of {group}")


def copies_to(topic: str) -> Handler:
    """A handler that passes every record on."""

    async def handle(batch: Sequence[Received[str]]) -> Sequence[Output]:
        return [Output(topic, r.record.partition, r.record.key, r.event.encode(), r.record.headers) for r in batch]

    return handle


def header_values(record: Record) -> dict[str, str]:
    return {name: value.decode() for name, value in record.headers}
