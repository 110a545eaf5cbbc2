"""What it costs to take over requests of client systems: `python -m tests.bench.bench_clients [requests]`.

The handler of the role on a real broker and database, in this process; CPU is that of this process alone. The figure
to look at is messages a second of a whole core.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import tempfile
import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path

import uvloop
from prometheus_client import CollectorRegistry

from deploy.local.jars import JarCache, read_list
from deploy.local.kafka import Kafka
from deploy.local.mongodb import MongoDB
from deploy.local.ports import free_port
from deploy.local.settings import ROOT
from services.ingest.accounts.account import Account
from services.ingest.clients.choosing import Clients
from services.ingest.clients.metrics import ClientMetrics
from services.ingest.clients.naming import Naming
from services.ingest.clients.taking import SOURCE, TakeOver
from services.ingest.idempotency.claims import Claims
from services.ingest.idempotency.metrics import IdempotencyMetrics
from services.ingest.idempotency.store import ClaimStore
from services.ingest.limits.bucket import Amount, Rates
from services.ingest.limits.limiter import Limiter
from services.ingest.limits.metrics import LimitMetrics
from services.ingest.limits.shared import SharedBuckets
from shared.clock import SystemClock
from shared.contracts.codec import Writer
from shared.contracts.topics import LOCAL, client_pair, client_requests, requests, specs
from shared.contracts.words import Lane
from shared.ids import AccountId
from shared.kafka.choice import Done, Lot
from shared.kafka.chosen import ChosenRunner
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.record import Output
from shared.kafka.sending import Sender
from shared.kafka.settings import KafkaSettings
from shared.kafka.topics import create, partitions
from shared.privacy.keys import FileKeyStore
from shared.privacy.sealing import Sealer
from shared.stores.mongodb import MongoStore
from shared.stores.valkey import ValkeyStore
from tests.bench.targets import Target, judged

PER_CORE = Target("taken with ids, a second of the process's CPU", 8_000, "messages")

_ACCOUNTS = 10
_MOST = Rates(Amount(1e6, 1e6), Amount(1e7, 1e7))


class _Accounts:
    """Accounts that nobody changes."""

    def __init__(self, accounts: Sequence[Account]) -> None:
        self._accounts: Mapping[AccountId, Account] = {one.account_id: one for one in accounts}

    def of(self, account_id: AccountId) -> Account | None:
        return self._accounts.get(account_id)

    def all(self) -> Sequence[Account]:
        return list(self._accounts.values())

    async def up_to_date(self) -> bool:
        return True


class _Everything:
    """All shares, for ever."""

    def epoch_of(self, share: int) -> int | None:
        return 1

    def holds(self, share: int, epoch: int) -> bool:
        return True

    async def let_go(self, kept: Collection[int]) -> None:
        return


class _Counting:
    """The handler, counted."""

    def __init__(self, handler: TakeOver) -> None:
        self._handler = handler
        self.count = 0
        self.enough = asyncio.Event()
        self.wanted = 0

    async def __call__(self, lots: Sequence[Lot]) -> Sequence[Done]:
        done = await self._handler(lots)
        self.count += sum(one.records for one in done)
        if self.count >= self.wanted:
            self.enough.set()
        return done


def _bodies(count: int) -> list[bytes]:
    source = random.Random(1)
    return [
        json.dumps(
            {
                "to": f"+479{source.randrange(10**7):07d}",
                "text": f"Hei! Pakken din nr {number} kan hentes i dag mellom 10 og 20.",
                "reference": f"ordre-{number}",
            }
        ).encode()
        for number in range(count)
    ]


async def _measure(kafka: str, mongodb: str, folder: Path, count: int, keyed: bool) -> float:
    clock, registry = SystemClock(), CollectorRegistry()
    metrics = KafkaMetrics(registry)
    name = "keyed" if keyed else "plain"
    run = uuid.uuid4().hex[:6]
    accounts = [
        Account(account_id=AccountId(f"{name}{run}{number}"), name="Bench", default_sender="Bench")
        for number in range(_ACCOUNTS)
    ]
    connection = KafkaSettings(bootstrap=kafka, client_id="bench")
    await create(connection, [topic.spec(LOCAL) for one in accounts for topic in client_pair(one.account_id)])

    def sender(client: str) -> Sender:
        return Sender(connection=KafkaSettings(bootstrap=kafka, client_id=client), clock=clock, metrics=metrics)

    senders = {lane: sender(lane) for lane in Lane}
    answers = sender("answers")
    mongo = MongoStore(mongodb, "bench")
    await mongo.start()
    rows = ClaimStore(mongo.database)
    await rows.prepare()
    sealer = Sealer(FileKeyStore(folder / "keys"), clock)
    claims = Claims(rows, sealer, clock, IdempotencyMetrics(registry))
    told = _Accounts(accounts)
    clients = Clients(told, told.up_to_date, _Everything(), partial(partitions, connection), clock)
    valkey = ValkeyStore("redis://127.0.0.1:9/0", needed=False)
    limiter = Limiter(SharedBuckets(valkey), clock, LimitMetrics(registry), default=_MOST, processes=1)
    handler = _Counting(
        TakeOver(
            clients,
            limiter,
            Naming(rows, claims, sealer, clock),
            {lane: one.send for lane, one in senders.items()},
            answers.send,
            sealer=sealer,
            writer=Writer(SOURCE),
            partitions=LOCAL.message_partitions,
            metrics=ClientMetrics(registry),
        )
    )
    handler.wanted = count
    bodies = _bodies(count)
    await answers.start()
    for begin in range(0, count, 500):
        await answers.send(
            [
                Output(
                    client_requests(accounts[number % _ACCOUNTS].account_id),
                    0,
                    None,
                    bodies[number],
                    (("ce_id", f"{run}-{number}".encode()),) if keyed else (),
                )
                for number in range(begin, min(begin + 500, count))
            ]
        )
    runner = ChosenRunner(
        connection=connection,
        group=f"bench.{run}",
        choice=clients,
        handle=handler,
        requires={requests(Lane.STANDARD): 4},
        clock=clock,
        metrics=metrics,
    )
    for one in senders.values():
        await one.start()
    began, cpu = time.perf_counter(), time.process_time()
    await runner.start()
    await handler.enough.wait()
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    await runner.stop(10.0)
    for one in (*senders.values(), answers):
        await one.stop(5.0)
    await mongo.stop(5.0)
    print(  # noqa: T201
        f"{name:<8}{count:>8} messages   {count / seconds:>8.0f}/s here   {cpu / count * 1e6:>6.0f} µs CPU each   "
        f"{count / cpu:>8.0f}/s of a core"
    )
    return count / cpu


async def _bench(kafka: str, mongodb: str, folder: Path, count: int) -> int:
    await create(KafkaSettings(bootstrap=kafka, client_id="bench"), specs([], LOCAL))
    figures = [
        await _measure(kafka, mongodb, folder / str(time.time_ns()), count, keyed)
        for keyed in (False, True, False, True, True)
    ]
    return judged({PER_CORE: figures[1::2] + figures[4:]})


def main() -> int:
    """Start what is needed, measure with and without idempotency keys, and print; 1 when the target is missed."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 30_000
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        jars = JarCache(ROOT / "var/cache/jars").ensure(read_list())
        kafka = Kafka(
            data=folder / "kafka", log=folder / "kafka.log", port=free_port(), controller_port=free_port(), jars=jars
        )
        mongodb = MongoDB(data=folder / "mongodb", log=folder / "mongodb.log", port=free_port())
        try:
            kafka.start()
            mongodb.start()
            kafka.wait_ready()
            mongodb.wait_ready()
            return uvloop.run(_bench(kafka.bootstrap, mongodb.uri, folder, count))
        finally:
            kafka.kill()
            mongodb.kill()


if __name__ == "__main__":
    sys.exit(main())
