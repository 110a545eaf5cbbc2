"""What a stage of the kit costs: `python -m tests.bench.bench_kafka [--bootstrap host:port]`.

One process, 4 partitions, JSON records of 240 bytes that are decoded, changed in one field and encoded again. CPU is
this process's alone, per record; compare it rather than the rates, which depend on what else the machine does.
Starts a broker of its own unless it is given one, and warms it before it measures.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import structlog
import uvloop
from prometheus_client import CollectorRegistry

from deploy.local.jars import JarCache, read_list
from deploy.local.kafka import Kafka
from deploy.local.ports import free_port
from deploy.local.settings import ROOT
from shared.clock import SystemClock
from shared.errors import BadRecord
from shared.kafka.at_least_once import AtLeastOnceRunner
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.record import Output, Received, Record
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
    """One run."""

    name: str
    records: int
    seconds: float
    cpu: float
    latencies: Sequence[float] = ()

    def __str__(self) -> str:
        line = f"{self.name:44}{self.records / self.seconds:10,.0f}{self.cpu / self.records * 1e6:9.1f}"
        if self.latencies:
            cuts = statistics.quantiles(self.latencies, n=100)
            line += f"{cuts[49] * 1000:9.1f}{cuts[98] * 1000:9.1f}"
        return line


class Bench:
    """A cluster and what is measured on it."""

    def __init__(self, bootstrap: str) -> None:
        self._settings = KafkaSettings(bootstrap)
        self._clock = SystemClock()
        self._metrics = KafkaMetrics(CollectorRegistry())
        self._sender = Sender(connection=self._settings, clock=self._clock, metrics=self._metrics)
        self._run = uuid.uuid4().hex[:6]

    async def start(self) -> None:
        await self._sender.start()

    async def stop(self) -> None:
        await self._sender.stop(5.0)

    async def topic(self) -> str:
        """A new topic with its dead letters."""
        name = f"bench.{self._run}.{uuid.uuid4().hex[:6]}"
        await create(self._settings, [TopicSpec(name, PARTITIONS), TopicSpec(f"{name}.dlq", 1)])
        return name

    async def filled(self, count: int) -> str:
        """A topic with that many records."""
        topic = await self.topic()
        for first in range(0, count, 2000):
            await self._sender.send(
                [Output(topic, n % PARTITIONS, None, payload(n)) for n in range(first, min(first + 2000, count))],
                deadline=60.0,
            )
        return topic

    def transactional(self, source: str, target: str, max_batch: int, linger: float) -> TransactionalRunner[Item]:
        """Read, change, write."""

        async def handle(batch: Sequence[Received[Item]]) -> list[Output]:
            outputs = []
            for received in batch:
                event, record = received.event, received.record
                event.state = "queued"
                outputs.append(Output(target, record.partition, record.key, _encoder.encode(event), record.headers))
            return outputs

        return TransactionalRunner(
            connection=self._settings,
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
                await self._sender.send(
                    [Output(target, r.record.partition, r.record.key, _encoder.encode(r.event)) for r in batch]
                )
            for received in batch:
                finish(received)
            arrived(batch)

        return AtLeastOnceRunner(
            connection=self._settings,
            group=f"{source}.{uuid.uuid4().hex[:6]}",
            topics=[source],
            decode=decode,
            handle=handle,
            dead_letter_topic=lambda topic: f"{topic}.dlq",
            clock=self._clock,
            metrics=self._metrics,
            per_partition=target is not None,
        )

    async def _committed(self, group: str, topic: str, least: int) -> int:
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
        first = await self._committed(runner.name, source, 1)
        began, cpu = time.perf_counter(), time.process_time()
        done = await self._committed(runner.name, source, count)
        result = Result(
            f"transactional, batch {max_batch}",
            done - first,
            time.perf_counter() - began,
            time.process_time() - cpu,
        )
        await runner.stop(5.0)
        return result

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
        name = "at least once, written by acks=all" if write else "at least once, finished at once"
        result = Result(name, done - before, time.perf_counter() - began, time.process_time() - cpu)
        await runner.stop(5.0)
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
            await self._sender.send([Output(source, number % PARTITIONS, None, payload(number))])
            await here.wait()
            latencies.append(time.perf_counter() - sent)
        result = Result(
            f"one record through a stage, linger {linger * 1000:g} ms",
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
            await self._sender.send(records)
            latencies.append(time.perf_counter() - sent)
        return Result(
            f"sender, {gathered} records a send",
            count,
            time.perf_counter() - began,
            time.process_time() - cpu,
            latencies,
        )


def say(line: object) -> None:
    """One line of the table."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@contextmanager
def broker() -> Iterator[str]:
    """A broker of our own."""
    with tempfile.TemporaryDirectory(prefix="bench-kafka-") as name:
        folder = Path(name)
        kafka = Kafka(
            data=folder / "kafka",
            log=folder / "kafka.log",
            port=free_port(),
            controller_port=free_port(),
            jars=JarCache(ROOT / "var/cache/jars").ensure(read_list()),
        )
        try:
            kafka.start()
            kafka.wait_ready()
            yield kafka.bootstrap
        finally:
            kafka.kill()


async def run(bootstrap: str, count: int) -> None:
    """All measurements, in a table."""
    logging.getLogger("aiokafka").setLevel(logging.ERROR)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    bench = Bench(bootstrap)
    await bench.start()
    for _ in range(2):
        await bench.measure_transactional(count // 2, 500)
    say(f"{'':44}{'records/s':>10}{'CPU µs':>9}{'p50 ms':>9}{'p99 ms':>9}")
    for max_batch in (500, 500, 100):
        say(await bench.measure_transactional(count, max_batch))
    for write in (False, False, True):
        say(await bench.measure_at_least_once(count, write=write))
    for linger in (0.0, 0.005):
        say(await bench.measure_latency(200, linger))
    for gathered in (1, 100):
        say(await bench.measure_sender(500 * gathered, gathered))
    await bench.stop()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bootstrap", help="measure on this cluster instead of a broker of our own")
    parser.add_argument("--count", type=int, default=120_000, help="records per run (default 120,000)")
    options = parser.parse_args()
    if options.bootstrap:
        uvloop.run(run(options.bootstrap, options.count))
        return
    with broker() as bootstrap:
        uvloop.run(run(bootstrap, options.count))


if __name__ == "__main__":
    main()
