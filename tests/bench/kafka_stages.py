"""Stages of the kit to be measured: JSON records of 240 bytes, decoded, changed in one field and encoded again."""

from __future__ import annotations

import asyncio
import statistics
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence

import msgspec
from prometheus_client import CollectorRegistry

from shared.clock import SystemClock
from shared.errors import BadRecord
from shared.kafka.aio import AioCluster
from shared.kafka.at_least_once import AtLeastOnceRunner
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.record import Output, Received, Record, TopicPartition
from shared.kafka.sending import Sender
from shared.kafka.settings import KafkaSettings
from shared.kafka.topics import TopicSpec, create
from shared.kafka.transactional import TransactionalRunner

PARTITIONS = 4
RECORD_BYTES = 240


class Item(msgspec.Struct):
    """A payload of about `RECORD_BYTES` bytes."""

    id: str
    account: str
    lane: str
    state: str
    text: str


_decoder = msgspec.json.Decoder(Item)
_encoder = msgspec.json.Encoder()


def decode(record: Record) -> Item:
    """As a service's decoder does it."""
    try:
        return _decoder.decode(record.value or b"")
    except msgspec.DecodeError as error:
        raise BadRecord("not_an_item", "value is no item") from error


def payload(number: int) -> bytes:
    """One record's value."""
    item = Item(f"{number:032x}", "a-17", "standard", "accepted", "")
    item.text = "x" * (RECORD_BYTES - len(_encoder.encode(item)))
    return _encoder.encode(item)


class Result(msgspec.Struct, frozen=True):
    """One run. CPU seconds are this process's alone; latencies are seconds."""

    records: int
    seconds: float
    cpu: float
    latencies: Sequence[float] = ()

    @property
    def rate(self) -> float:
        """Records a second."""
        return self.records / self.seconds

    @property
    def cpu_us(self) -> float:
        """CPU microseconds a record."""
        return self.cpu / self.records * 1e6

    def latency_ms(self, percent: int) -> float:
        """Milliseconds within which that percentage of the records was through."""
        return statistics.quantiles(self.latencies, n=100)[percent - 1] * 1000


class InOrder:
    """Counts records whose numbers have to ascend within their partition: then none is there twice."""

    def __init__(self) -> None:
        self.count = 0
        self._last: Counter[int] = Counter()

    def see(self, record: Record, item: Item) -> None:
        """One record. Raises LossOrDouble for one that is out of its order, or was there before."""
        number = int(item.id, 16)
        if number < self._last[record.partition]:
            raise LossOrDouble(f"record {number} came again, or late")
        self._last[record.partition] = number + 1
        self.count += 1

    def complete(self, count: int) -> None:
        """There must be that many. Raises LossOrDouble."""
        if self.count != count:
            raise LossOrDouble(f"{self.count} of {count} records came out")


class LossOrDouble(Exception):
    """What must never be, however fast it was."""


class Bench:
    """A cluster and what is measured on it."""

    def __init__(self, bootstrap: str) -> None:
        self.settings = KafkaSettings(bootstrap)
        self._clock = SystemClock()
        self._metrics = KafkaMetrics(CollectorRegistry())
        self.sender = Sender(connection=self.settings, clock=self._clock, metrics=self._metrics)
        self._run = uuid.uuid4().hex[:6]

    async def start(self) -> None:
        await self.sender.start()

    async def stop(self) -> None:
        await self.sender.stop(5.0)

    async def topic(self) -> str:
        """A new topic with its dead letters."""
        name = f"bench.{self._run}.{uuid.uuid4().hex[:6]}"
        await create(self.settings, [TopicSpec(name, PARTITIONS), TopicSpec(f"{name}.dlq", 1)])
        return name

    async def filled(self, count: int) -> str:
        """A topic with that many records."""
        topic = await self.topic()
        for first in range(0, count, 2000):
            await self.sender.send(
                [Output(topic, n % PARTITIONS, None, payload(n)) for n in range(first, min(first + 2000, count))],
                deadline=60.0,
            )
        return topic

    def transactional(
        self,
        source: str,
        target: str,
        max_batch: int,
        linger: float,
        arrived: Callable[[Sequence[Received[Item]]], None] = lambda _: None,
    ) -> TransactionalRunner[Item]:
        """Read, change, write."""

        async def handle(batch: Sequence[Received[Item]]) -> list[Output]:
            outputs = []
            arrived(batch)
            for received in batch:
                event, record = received.event, received.record
                event.state = "queued"
                outputs.append(Output(target, record.partition, record.key, _encoder.encode(event), record.headers))
            return outputs

        return TransactionalRunner(
            connection=self.settings,
            group=f"{source}.{max_batch}",
            topics=[source],
            decode=decode,
            handle=handle,
            dead_letter_topic=lambda topic: f"{topic}.dlq",
            clock=self._clock,
            metrics=self._metrics,
            max_batch=max_batch,
            linger=linger,
        )

    def at_least_once(
        self, source: str, arrived: Callable[[Sequence[Received[Item]]], None], target: str | None
    ) -> AtLeastOnceRunner[Item]:
        """Read and finish; with a target, write there first."""

        async def handle(batch: Sequence[Received[Item]], finish: Callable[[Received[Item]], None]) -> None:
            if target is not None:
                await self.sender.send(
                    [Output(target, r.record.partition, r.record.key, _encoder.encode(r.event)) for r in batch]
                )
            for received in batch:
                finish(received)
            arrived(batch)

        return AtLeastOnceRunner(
            connection=self.settings,
            group=f"{source}.{uuid.uuid4().hex[:6]}",
            topics=[source],
            decode=decode,
            handle=handle,
            dead_letter_topic=lambda topic: f"{topic}.dlq",
            clock=self._clock,
            metrics=self._metrics,
            per_partition=target is not None,
        )

    async def committed(self, group: str, topic: str, least: int) -> int:
        """Wait until a transactional group has committed that many records, by its own metric."""
        committed = 0.0
        while committed < least:
            await asyncio.sleep(0.002)
            committed = sum(
                self._metrics.records.labels(group, topic, partition)._value.get() for partition in range(PARTITIONS)
            )
        return int(committed)

    async def measure_transactional(self, count: int, max_batch: int) -> Result:
        """From the first commit to the last."""
        source, target = await self.filled(count), await self.topic()
        runner = self.transactional(source, target, max_batch, 0.005)
        await runner.start()
        first = await self.committed(runner.name, source, 1)
        began, cpu = time.perf_counter(), time.process_time()
        done = await self.committed(runner.name, source, count)
        result = Result(done - first, time.perf_counter() - began, time.process_time() - cpu)
        await runner.stop(5.0)
        await self.check(target, count)
        return result

    async def check(self, topic: str, count: int) -> None:
        """Every number is on the topic once. Raises LossOrDouble."""
        seen = InOrder()
        reader = AioCluster(self.settings).reader()
        await reader.start()
        try:
            places = [TopicPartition(topic, number) for number in range(PARTITIONS)]
            reader.assign(places)
            ends, positions = await reader.end(places), dict.fromkeys(places, 0)
            for place in places:
                reader.seek(place, 0)
            while any(positions[place] < ends[place] for place in places):
                for place, fetched in (await reader.poll(1.0, 2000)).items():
                    for record in fetched.records:
                        seen.see(record, decode(record))
                    positions[place] = fetched.position
        finally:
            await reader.close(5.0)
        seen.complete(count)

    async def measure_at_least_once(self, count: int, *, write: bool) -> Result:
        """From the first record to the last."""
        source = await self.filled(count)
        target = await self.topic() if write else None
        done, began, cpu, before = 0, 0.0, 0.0, 0
        finished = asyncio.Event()

        def arrived(batch: Sequence[Received[Item]]) -> None:
            nonlocal done, began, cpu, before
            if not done:
                began, cpu, before = time.perf_counter(), time.process_time(), len(batch)
            done += len(batch)
            if done >= count:
                finished.set()

        runner = self.at_least_once(source, arrived, target)
        await runner.start()
        await finished.wait()
        result = Result(done - before, time.perf_counter() - began, time.process_time() - cpu)
        await runner.stop(5.0)
        if target is not None:
            await self.check(target, count)
        return result

    async def measure_latency(self, count: int, linger: float) -> Result:
        """One record at a time: from before its send to its arrival behind the transactional stage."""
        source, target = await self.topic(), await self.topic()
        here = asyncio.Event()
        stage = self.transactional(source, target, 500, linger)
        reader = self.at_least_once(target, lambda _: here.set(), None)
        await stage.start()
        await reader.start()
        latencies: list[float] = []
        began, cpu = time.perf_counter(), time.process_time()
        for number in range(count + 20):
            if number == 20:
                began, cpu = time.perf_counter(), time.process_time()
            here.clear()
            sent = time.perf_counter()
            await self.sender.send([Output(source, number % PARTITIONS, None, payload(number))])
            await here.wait()
            latencies.append(time.perf_counter() - sent)
        result = Result(
            count,
            time.perf_counter() - began,
            time.process_time() - cpu,
            latencies[20:],
        )
        await stage.stop(5.0)
        await reader.stop(5.0)
        return result

    async def measure_sender(self, count: int, gathered: int) -> Result:
        """Sends of some records each, one after the other."""
        topic = await self.topic()
        records = [Output(topic, 0, None, payload(n)) for n in range(gathered)]
        latencies = []
        began, cpu = time.perf_counter(), time.process_time()
        for _ in range(count // gathered):
            sent = time.perf_counter()
            await self.sender.send(records)
            latencies.append(time.perf_counter() - sent)
        return Result(count, time.perf_counter() - began, time.process_time() - cpu, latencies)
