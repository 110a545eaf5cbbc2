"""What counting usage costs: `python -m tests.bench.bench_usage`.

Starts a broker and a database, puts the lives of messages on `sms.events` (accepted, queued, submitted, delivered) and
runs the role `usage` in this process until each is in the ledger. Messages per second by the clock, with all that the
role does; and per second of this process' CPU, which is what one core holds when servers have others.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from random import SystemRandom

import uvloop
from prometheus_client import CollectorRegistry

from deploy.local.jars import JarCache, read_list
from deploy.local.kafka import Kafka
from deploy.local.mongodb import MongoDB
from deploy.local.ports import free_port
from deploy.local.settings import ROOT
from services.billing.usage.role import build_usage
from shared.clock import SystemClock
from shared.contracts import topics
from shared.contracts.codec import Writer
from shared.contracts.events import ChargeBasis, MessageStatusChanged, PartState
from shared.contracts.states import State
from shared.contracts.topics import LOCAL, specs
from shared.contracts.words import Category
from shared.ids import AccountId, TimeOrderedIds, partition_of
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.record import Output
from shared.kafka.sending import Sender
from shared.kafka.settings import KafkaSettings
from shared.kafka.topics import create
from shared.privacy.sealing import Sealed
from shared.service import Context
from shared.stores.mongodb import MongoStore
from tests.bench.targets import Target, Verdict
from tests.support import wait_until

TARGET = Target("usage: messages per second of CPU", 5_000, "messages/s")
_SHARE = 500


def lives(messages: int, partitions: int) -> list[Output]:
    """Every event of these messages, each state of a share of them before the next state."""
    now, ids = datetime.now(UTC), TimeOrderedIds()
    write, outputs = Writer("/budstikke/bench/bench").output, []
    for start in range(0, messages, _SHARE):
        some = [ids.mint(number % partitions, partitions) for number in range(start, min(start + _SHARE, messages))]
        for sequence, state in enumerate((State.ACCEPTED, State.QUEUED, State.SUBMITTED, State.DELIVERED), 1):
            taken = state in {State.SUBMITTED, State.DELIVERED}
            for number, message_id in enumerate(some):
                event = MessageStatusChanged(
                    message_id=message_id,
                    account_id=AccountId(f"account-{number % 100}"),
                    to=Sealed(os.urandom(44)),
                    state=state,
                    sequence=sequence,
                    at=now,
                    reference="order 4711",
                    operator="fjord",
                    part_states=(PartState(part=1, state=state),),
                    charge=ChargeBasis(
                        category=Category.TRANSACTIONAL,
                        parts_taken=1,
                        country="NO",
                        operator="fjord",
                        route_id="fjord-main",
                        accepted_at=now,
                        pseudonym=f"2026:{os.urandom(16).hex()}",
                    )
                    if taken
                    else None,
                )
                outputs.append(
                    write(
                        topics.EVENTS,
                        partition_of(message_id, partitions),
                        event,
                        event_id=f"{message_id}:{sequence}",
                        time=now,
                        subject=message_id,
                    )
                )
    return outputs


async def measure(kafka: str, mongodb: str, messages: int) -> tuple[float, float]:
    """Messages per second, by the clock and by CPU."""
    connection = KafkaSettings(bootstrap=kafka)
    await create(connection, specs([], LOCAL))
    registry = CollectorRegistry()
    context = Context(SystemClock(), SystemRandom(), registry, KafkaMetrics(registry))
    sender = Sender(connection=connection, clock=context.clock, metrics=context.kafka_metrics)
    await sender.start()
    outputs = lives(messages, LOCAL.message_partitions)
    for start in range(0, len(outputs), 5_000):
        await sender.send(outputs[start : start + 5_000])
    await sender.stop(5.0)
    books = MongoStore(mongodb, "billing")
    await books.start()
    os.environ |= {"BUDSTIKKE_KAFKA": kafka, "BUDSTIKKE_MONGODB": mongodb, "BUDSTIKKE_HEALTH_PORT": "0"}
    components = list(build_usage(context))
    for component in components:
        await component.start()
    ledger = books.database["usage"]

    async def holds(count: int) -> bool:
        return await ledger.estimated_document_count() >= count

    await wait_until(lambda: holds(1), 60)
    done = await ledger.estimated_document_count()
    clock, cpu = time.perf_counter(), time.process_time()
    await wait_until(lambda: holds(messages), 300)
    clock, cpu = time.perf_counter() - clock, time.process_time() - cpu
    for component in reversed(components):
        await component.stop(10.0)
    if await ledger.count_documents({}) != messages:
        raise SystemExit("a message was lost or counted twice")
    await books.stop(1.0)
    return (messages - done) / clock, (messages - done) / cpu


def main() -> int:
    """Measure and print; 1 when the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=40_000)
    messages = parser.parse_args().messages
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        broker = Kafka(
            data=folder / "kafka",
            log=folder / "kafka.log",
            port=free_port(),
            controller_port=free_port(),
            jars=JarCache(ROOT / "var/cache/jars").ensure(read_list()),
        )
        server = MongoDB(data=folder / "mongodb", log=folder / "mongodb.log", port=free_port())
        try:
            broker.start()
            server.start()
            broker.wait_ready()
            server.wait_ready()
            by_clock, by_cpu = uvloop.run(measure(broker.bootstrap, server.uri, messages))
        finally:
            broker.kill()
            server.kill()
    print(f"{messages:,} messages of four events each, every one in the ledger once")  # noqa: T201
    print(f"{'usage: messages per second by the clock':52}{by_clock:12,.1f}")  # noqa: T201
    print(TARGET.row(by_cpu))  # noqa: T201
    return 1 if TARGET.verdict(by_cpu) is Verdict.MISSED else 0


if __name__ == "__main__":
    sys.exit(main())
