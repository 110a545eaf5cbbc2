"""What it costs to screen a message: `python -m tests.bench.bench_screening [messages]`.

The whole role in this process, with its rules, counters and transactions, on a real broker, Valkey and database beside
it. The figure is messages ÷ CPU seconds of this process, once it is warm: what a whole core does. Exits with 1 when the
target is missed by far.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from random import SystemRandom
from typing import Final

import uvloop
from prometheus_client import CollectorRegistry

from deploy.local.jars import JarCache, read_list
from deploy.local.kafka import Kafka
from deploy.local.mongodb import MongoDB
from deploy.local.ports import free_port
from deploy.local.settings import ROOT
from deploy.local.valkey import Valkey
from services.ingest.accounts.account import Account, Sending
from services.ingest.accounts.store import DATABASE, AccountStore
from services.ingest.screening.role import build_screening
from shared.clock import SystemClock
from shared.contracts.codec import Writer
from shared.contracts.events import Actor, SendRequested
from shared.contracts.topics import LOCAL, requests, specs
from shared.contracts.words import Category, Door, Lane
from shared.ids import AccountId, TimeOrderedIds, partition_of
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.record import Output
from shared.kafka.sending import Sender
from shared.kafka.settings import KafkaSettings
from shared.kafka.topics import create
from shared.privacy.keys import FileKeyStore
from shared.privacy.sealing import Sealer
from shared.service import Context
from shared.stores.mongodb import MongoStore
from tests.bench.targets import Target, Verdict
from tests.support import wait_until

TARGET: Final = Target("screening, all rules", 8_000, "messages a core and second")
_ACCOUNTS: Final = [AccountId(f"a{number}") for number in range(20)]
_PARTITIONS: Final = LOCAL.message_partitions
_TEXTS: Final = (
    "Hei! Timen din hos tannlegen er i morgen klokken 12. Svar JA for å bekrefte",
    "Hei! Timen din hos tannlegen er i morgen kl. 12.30. Svar JA for å bekrefte. Hilsen Tannlegen",
    "Pakken din kan hentes. Følg den på https://posten.example/spor/4711",
    "Møtet er flyttet til onsdag. " * 8,
    "Koden din er 4711",
)
_WARM: Final = 0.25


def records(count: int, sealer: Sealer) -> Iterator[Output]:
    """Requests of several accounts; one in fifty holds a link that nobody approved, one in fifty has a bad number."""
    ids, write, now = TimeOrderedIds(), Writer("/budstikke/ingest/api").output, SystemClock().now()
    for index in range(count):
        partition = index // 100 % _PARTITIONS
        name, account = ids.mint(partition, _PARTITIONS), _ACCOUNTS[index % len(_ACCOUNTS)]
        text = "Vinn på https://lodd.example/x" if index % 50 == 7 else _TEXTS[index % len(_TEXTS)]
        number = "+4722222222" if index % 50 == 9 else f"+479{index % 10_000_000:07}"
        request = SendRequested(
            message_id=name,
            account_id=account,
            to=sealer.seal(account, name, "to", number, now),
            sender="Budstikke",
            content=sealer.seal(account, name, "content", text, now),
            lane=Lane.STANDARD,
            category=Category.TRANSACTIONAL,
            requested_at=now,
            valid_until=now + timedelta(hours=48),
            door=Door.HTTP,
            actor=Actor(key_id="k", ip="192.0.2.1"),
        )
        yield write(
            requests(Lane.STANDARD),
            partition_of(name, _PARTITIONS),
            request,
            event_id=f"{name}:requested",
            time=now,
            subject=name,
        )


async def measure(count: int) -> float:
    """Messages ÷ CPU seconds, between a quarter and all of them."""
    registry = CollectorRegistry()
    context = Context(SystemClock(), SystemRandom(), registry, KafkaMetrics(registry))
    connection = KafkaSettings(bootstrap=os.environ["BUDSTIKKE_KAFKA"])
    await create(connection, specs(["fjord"], LOCAL))
    await _prepare()
    sender = Sender(connection=connection, clock=context.clock, metrics=KafkaMetrics(CollectorRegistry()))
    await sender.start()
    sealer = Sealer(FileKeyStore(Path(os.environ["BUDSTIKKE_KEY_STORE"])), context.clock)
    waiting = list(records(count, sealer))
    for start in range(0, count, 1000):
        await sender.send(waiting[start : start + 1000], deadline=60.0)
    waiting.clear()
    await sender.stop(5.0)

    def decided() -> int:
        samples = [sample for metric in registry.collect() for sample in metric.samples]
        return int(sum(one.value for one in samples if one.name == "budstikke_screening_verdicts_total"))

    components = build_screening(context)
    for component in components:
        await component.start()
    try:
        first = await _reached(decided, int(count * _WARM))
        began = time.process_time()
        last = await _reached(decided, count)
        return (last - first) / (time.process_time() - began)
    finally:
        for component in reversed(components):
            await component.stop(10.0)


async def _prepare() -> None:
    mongo = MongoStore(os.environ["BUDSTIKKE_MONGODB"], DATABASE)
    await mongo.start()
    sending = Sending(domains=("posten.example",), quiet_from=0, quiet_to=0)
    for account_id in _ACCOUNTS:
        account = Account(account_id, account_id, default_sender="Budstikke", sending=sending, version=1)
        await AccountStore(mongo).add_account(account)
    await mongo.stop(5.0)


async def _reached(decided: Callable[[], int], count: int) -> int:
    await wait_until(lambda: decided() >= count, 600)
    return decided()


def main() -> int:
    """Measure and print; the exit code."""
    count = int(sys.argv[1]) if sys.argv[1:] else 60_000
    with tempfile.TemporaryDirectory(prefix="bench-screening-") as name:
        folder = Path(name)
        kafka = Kafka(
            data=folder / "kafka",
            log=folder / "kafka.log",
            port=free_port(),
            controller_port=free_port(),
            jars=JarCache(ROOT / "var/cache/jars").ensure(read_list()),
        )
        mongodb = MongoDB(data=folder / "mongodb", log=folder / "mongodb.log", port=free_port())
        valkey = Valkey(data=folder / "valkey", log=folder / "valkey.log", port=free_port())
        servers = (kafka, mongodb, valkey)
        try:
            for server in servers:
                server.start()
            for server in servers:
                server.wait_ready()
            os.environ |= {
                "BUDSTIKKE_KAFKA": kafka.bootstrap,
                "BUDSTIKKE_MONGODB": mongodb.uri,
                "BUDSTIKKE_VALKEY": valkey.url,
                "BUDSTIKKE_KEY_STORE": str(folder / "keys"),
                "BUDSTIKKE_HEALTH_PORT": "0",
            }
            figure = uvloop.run(measure(count))
        finally:
            for server in servers:
                server.kill()
    sys.stdout.write(f"{TARGET.row(figure)}\n")
    return 1 if TARGET.verdict(figure) is Verdict.MISSED else 0


if __name__ == "__main__":
    sys.exit(main())
