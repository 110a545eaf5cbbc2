"""Whether a stage's memory stays flat: `python -m tests.bench.kafka_memory --bootstrap host:port`.

One process writes records of 240 bytes and takes them through one stage, at most `AHEAD` of them at a time. Once a
fifth has passed, its resident memory may grow by `GROWTH_MB` more. In the end every record is there once, in order.
Says the growth in MB; exit code 0 when both hold.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import resource
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import structlog
import uvloop

from shared.kafka.record import Output, Received
from tests.bench.kafka_stages import PARTITIONS, Bench, InOrder, Item, payload

AHEAD = 20_000
GROWTH_MB = 20.0
KINDS = ("transactional", "at-least-once")
_WRITTEN_AT_ONCE = 1000
_MEGABYTE = 1_000_000


class Memory(msgspec.Struct):
    """Resident memory in bytes: the most while a fifth of the records passed, and the most afterwards."""

    before: int = 0
    after: int = 0

    def look(self, share: float) -> None:
        """Now, when this share of the records has passed."""
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        bytes_ = pages * resource.getpagesize()
        if share < 0.2:
            self.before = max(self.before, bytes_)
        else:
            self.after = max(self.after, bytes_)

    @property
    def growth_mb(self) -> float:
        """How much it grew."""
        return (self.after - self.before) / _MEGABYTE


class Flow:
    """Records on their way through one stage."""

    def __init__(self, bench: Bench, count: int) -> None:
        self.memory = Memory()
        self._bench = bench
        self._count = count
        self._passed = 0
        self._moved = asyncio.Event()

    def pass_(self, records: int) -> None:
        """That many have passed."""
        self._passed += records
        self.memory.look(self._passed / self._count)
        self._moved.set()

    async def write(self, topic: str) -> None:
        """Write them all, and wait until they have passed."""
        for first in range(0, self._count, _WRITTEN_AT_ONCE):
            await self._until(first - AHEAD)
            numbers = range(first, min(first + _WRITTEN_AT_ONCE, self._count))
            await self._bench.sender.send([Output(topic, n % PARTITIONS, None, payload(n)) for n in numbers])
        await self._until(self._count)

    async def _until(self, least: int) -> None:
        while self._passed < least:
            self._moved.clear()
            await self._moved.wait()


async def transactional(bench: Bench, count: int) -> Memory:
    """Through a transactional stage; what came out is read back."""
    flow, source, target = Flow(bench, count), await bench.topic(), await bench.topic()
    stage = bench.transactional(source, target, 500, 0.005, lambda batch: flow.pass_(len(batch)))
    await stage.start()
    await flow.write(source)
    await bench.committed(stage.name, source, count)
    await stage.stop(5.0)
    await bench.check(target, count)
    return flow.memory


async def at_least_once(bench: Bench, count: int) -> Memory:
    """Through an at-least-once stage, which nobody disturbs: it too sees each once."""
    flow, source, check = Flow(bench, count), await bench.topic(), InOrder()

    def arrived(batch: Sequence[Received[Item]]) -> None:
        for received in batch:
            check.see(received.record, received.event)
        flow.pass_(len(batch))

    stage = bench.at_least_once(source, arrived, None)
    await stage.start()
    await flow.write(source)
    await stage.stop(5.0)
    check.complete(count)
    return flow.memory


async def run(bootstrap: str, kind: str, count: int) -> Memory:
    """One kind of stage."""
    logging.getLogger("aiokafka").setLevel(logging.ERROR)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    bench = Bench(bootstrap)
    await bench.start()
    try:
        return await (transactional(bench, count) if kind == "transactional" else at_least_once(bench, count))
    finally:
        await bench.stop()


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--kind", choices=KINDS, required=True)
    parser.add_argument("--count", type=int, default=1_000_000)
    options = parser.parse_args()
    memory = uvloop.run(run(options.bootstrap, options.kind, options.count))
    sys.stdout.write(f"{memory.growth_mb:.1f}\n")
    return 0 if memory.growth_mb < GROWTH_MB else 1


if __name__ == "__main__":
    sys.exit(main())
