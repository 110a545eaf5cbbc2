"""A process with one stage, for tests that kill, stop and wake it. The plan comes as JSON on the command line.

The stage copies `source` to `target`, or finishes what it reads after having written it there; the header `up` of a
copy says when its process was up (epoch milliseconds). With `block`, the handler blocks the event loop once for so
many seconds. With `strike`, the process sends itself a signal at a chosen transaction: `before` or `after` the commit
went out.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence

import msgspec
from prometheus_client import CollectorRegistry

from shared.clock import SystemClock
from shared.kafka.aio import AioCluster
from shared.kafka.aio.producer import AioTransactionalProducer
from shared.kafka.at_least_once import AtLeastOnceRunner
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.port import Mark, Packed
from shared.kafka.record import Output, Received, TopicPartition
from shared.kafka.sending import Sender
from shared.kafka.settings import KafkaSettings
from shared.kafka.transactional import TransactionalRunner
from tests.unit.kafka.kit import dead_letter_topic, text


class Plan(msgspec.Struct, frozen=True):
    """What the process does."""

    bootstrap: str
    group: str
    source: str
    target: str
    exactly_once: bool = True
    strike: str = ""
    strike_at: int = 0
    strike_with: int = signal.SIGKILL
    max_batch: int = 50
    instance_id: str | None = None
    block: float = 0.0

    @property
    def settings(self) -> KafkaSettings:
        return KafkaSettings(
            self.bootstrap, session_timeout=3.0, heartbeat_interval=0.3, rebalance_timeout=6.0, start_timeout=20.0
        )


class Doomed(AioTransactionalProducer):
    """A producer that strikes its own process at a chosen transaction."""

    def __init__(self, plan: Plan, transactional_id: str, next_transaction: Callable[[], int]) -> None:
        super().__init__(plan.settings, transactional_id)
        self._plan = plan
        self._next_transaction = next_transaction
        self._number = 0

    async def write(self, packed: Sequence[Packed], marks: Mapping[TopicPartition, Mark], group: str) -> None:
        self._number = self._next_transaction()
        await super().write(packed, marks, group)

    async def commit(self) -> None:
        self._strike("before")
        committing = asyncio.ensure_future(super().commit())
        if self._plan.strike == "during":
            for _ in range(6):  # the request is on its way, the answer is not yet here
                await asyncio.sleep(0)
            self._strike("during")
        await committing
        self._strike("after")

    def _strike(self, moment: str) -> None:
        if self._plan.strike == moment and self._number == self._plan.strike_at:
            os.kill(os.getpid(), self._plan.strike_with)


class DoomedCluster(AioCluster):
    """Makes such producers; transactions are counted over the whole process."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan.settings)
        self._plan = plan
        self._count = 0

    def transactional_producer(self, transactional_id: str) -> Doomed:
        return Doomed(self._plan, transactional_id, self._next_transaction)

    def _next_transaction(self) -> int:
        self._count += 1
        return self._count


async def main(plan: Plan) -> None:
    """Run until killed, stopped by SIGTERM, or ended by an error."""
    settings, clock, metrics = plan.settings, SystemClock(), KafkaMetrics(CollectorRegistry())
    sender = Sender(connection=settings, clock=clock, metrics=metrics)
    up = (("up", str(int(time.time() * 1000)).encode()),)
    blocks = [plan.block] if plan.block else []

    def copies(batch: Sequence[Received[str]]) -> list[Output]:
        if blocks:
            time.sleep(blocks.pop())
        return [Output(plan.target, r.record.partition, r.record.key, r.record.value, up) for r in batch]

    async def pass_on(batch: Sequence[Received[str]]) -> Sequence[Output]:
        return copies(batch)

    async def write_and_finish(batch: Sequence[Received[str]], finish: Callable[[Received[str]], None]) -> None:
        await sender.send(copies(batch))
        for received in batch:
            finish(received)

    runner: TransactionalRunner[str] | AtLeastOnceRunner[str]
    if plan.exactly_once:
        runner = TransactionalRunner(
            connection=settings,
            group=plan.group,
            topics=[plan.source],
            decode=text,
            handle=pass_on,
            dead_letter_topic=dead_letter_topic,
            clock=clock,
            metrics=metrics,
            max_batch=plan.max_batch,
            group_instance_id=plan.instance_id,
            cluster=DoomedCluster(plan),
        )
    else:
        runner = AtLeastOnceRunner(
            connection=settings,
            group=plan.group,
            topics=[plan.source],
            decode=text,
            handle=write_and_finish,
            dead_letter_topic=dead_letter_topic,
            clock=clock,
            metrics=metrics,
            max_batch=plan.max_batch,
            group_instance_id=plan.instance_id,
        )
    asyncio.get_running_loop().add_signal_handler(
        signal.SIGTERM, lambda: stopping.append(asyncio.ensure_future(runner.stop(5.0)))
    )
    stopping: list[asyncio.Future[None]] = []
    await runner.start()
    try:
        await runner.wait()
    finally:
        await runner.stop(5.0)
        await sender.stop(1.0)


if __name__ == "__main__":
    asyncio.run(main(msgspec.json.decode(sys.argv[1], type=Plan)))
