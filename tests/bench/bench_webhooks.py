"""What telling a customer costs: `python -m tests.bench.bench_webhooks`.

Starts a database, Valkey and one receiver in a process of its own, and drives the role's handler in this process, as
the kit would: decode, open the number, sign, send, settle, history. No broker: what reading costs is measured with the
kit.

First one endpoint, as fast as it answers, warm and kept alive (CPU per delivery of this process). Then 10,000
endpoints of 10,000 accounts at a fixed rate, of which 100 hang: from an event's hand-over until its delivery is
settled, for the endpoints that work.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import hashlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from uuid import uuid4

import httpx
import msgspec
import uvloop
from prometheus_client import CollectorRegistry

from deploy.local.mongodb import MongoDB
from deploy.local.ports import free_port
from deploy.local.settings import ROOT
from deploy.local.valkey import Valkey
from services.dlr.webhooks.client.client import Client, ClientSettings
from services.dlr.webhooks.client.resolving import Resolver
from services.dlr.webhooks.delivery.courier import Courier
from services.dlr.webhooks.delivery.history import History
from services.dlr.webhooks.delivery.metrics import WebhookMetrics
from services.dlr.webhooks.delivery.parking import Parking
from services.dlr.webhooks.delivery.store import DeliveryStore
from services.dlr.webhooks.delivery.switching import Switchboard
from services.dlr.webhooks.delivery.told import Input, Told, hear
from services.dlr.webhooks.delivery.webhooks import Webhooks
from services.dlr.webhooks.endpoints.endpoint import DEFAULT_STATES, Endpoint, EndpointId
from services.dlr.webhooks.endpoints.secrets import Secrets
from services.dlr.webhooks.endpoints.store import EndpointStore
from services.dlr.webhooks.endpoints.view import EndpointView
from shared.clock import SystemClock
from shared.contracts import topics
from shared.contracts.codec import Writer
from shared.contracts.events import MessageStatusChanged, PartState
from shared.contracts.states import State
from shared.ids import AccountId, MessageId, TimeOrderedIds
from shared.kafka.at_least_once import Finish
from shared.kafka.record import Received, Record
from shared.lifecycle import Component
from shared.privacy.keys import Quarter
from shared.privacy.sealing import Sealer
from shared.stores.mongodb import MongoStore
from tests.bench.targets import Target, judged

COST = Target("CPU of a delivery", 60, "µs", at_most=True)
PROMPT = Target("all but the endpoints that hang, p99", 1_000, "ms", at_most=True)

_BATCH = 500


class Keys:
    """Keys that need no disk: to make ten thousand of them durable is no part of a delivery."""

    def sealing_key(self, account: AccountId, quarter: Quarter) -> bytes:
        """The same each time."""
        return hashlib.sha256(f"{account}|{quarter}".encode()).digest()

    opening_key = sealing_key

    def pseudonym_key(self, account: AccountId, year: int) -> bytes:
        """The same each time."""
        return hashlib.sha256(f"{account}|p{year}".encode()).digest()

    def pseudonym_years(self, account: AccountId) -> tuple[int, ...]:
        """Nobody asks for it here."""
        return ()

    def destroy(self, account: AccountId, quarter: Quarter) -> None:
        """Nobody asks for it here."""


class Role:
    """The role without its reader."""

    def __init__(self, mongo: MongoStore, valkey: str) -> None:
        clock, random, metrics = SystemClock(), Random(), WebhookMetrics(CollectorRegistry())
        self.sealer = Sealer(Keys(), clock, size=30_000)
        endpoints = EndpointStore(mongo)
        self.secrets = Secrets(self.sealer, random.randbytes)
        client = Client(
            Resolver(clock, private=True, look_up=lambda host, port: ["127.0.0.1"]),
            clock,
            ClientSettings(connections=900),
        )
        courier = Courier(client.post, clock, metrics, backlog=8_000)
        deliveries = DeliveryStore(mongo)
        parking, history = Parking(deliveries.write, random), History(valkey, metrics)
        switchboard = Switchboard(endpoints, metrics)
        self.prepare = (endpoints.prepare, deliveries.prepare)
        self.components: list[Component] = [history, parking, switchboard, client, courier]
        self.handle = Webhooks(
            view=EndpointView(endpoints, self.secrets, clock, private=True),
            courier=courier,
            parking=parking,
            history=history,
            switchboard=switchboard,
            sealer=self.sealer,
            metrics=metrics,
            clock=clock,
            random=random,
        )
        self._mongo = mongo
        self._ids = TimeOrderedIds()
        self._write = Writer("/budstikke/bench/bench").output

    async def count(self) -> int:
        """How many deliveries are parked."""
        return await self._mongo.database["webhook_deliveries"].count_documents({})

    def record(self, account: AccountId) -> Record:
        """A message of this account was delivered."""
        message_id, now = MessageId(self._ids.mint(0, 1)), datetime.now(UTC)
        event = MessageStatusChanged(
            message_id=message_id,
            account_id=account,
            to=self.sealer.seal(account, message_id, "to", "+4799999999", now),
            state=State.DELIVERED,
            previous=State.SUBMITTED,
            sequence=4,
            at=now,
            reference="ref-1",
            operator="fjord",
            operator_code="000",
            part_states=(PartState(part=1, state=State.DELIVERED),),
        )
        output = self._write(topics.EVENTS, 0, event, event_id=f"{message_id}:4", time=now, subject=message_id)
        return Record(output.topic, 0, 0, 0, output.key, output.value, output.headers)

    def endpoint(self, account: AccountId, url: str) -> dict[str, object]:
        """The document of an endpoint."""
        endpoint_id = EndpointId(f"whe_{account}")
        _, secret = self.secrets.make(account, endpoint_id)
        endpoint = Endpoint(
            id=endpoint_id,
            account_id=account,
            url=url,
            states=DEFAULT_STATES,
            secrets=(secret,),
            version=1,
            created_at=datetime.now(UTC),
        )
        document: dict[str, object] = msgspec.to_builtins(endpoint, builtin_types=(bytes, datetime))
        return document


async def one_endpoint(role: Role, account: AccountId, count: int) -> list[float]:
    """As fast as it answers; µs of CPU a delivery of each round, after a warm-up."""
    costs = []
    for name, number in (("warm-up", count // 4), *[("one endpoint", count)] * 3):
        records = [role.record(account) for _ in range(number)]
        left, ended = number, asyncio.Event()

        def finish(_: Received[Input]) -> None:
            nonlocal left
            left -= 1
            if not left:
                ended.set()  # noqa: B023 - awaited before the next round

        began, cpu = time.perf_counter(), time.process_time()
        for at in range(0, number, _BATCH):
            await role.handle([Received(record, hear(record)) for record in records[at : at + _BATCH]], finish)
            # The batch before must be done, so that nothing is parked.
            while at + _BATCH - (number - left) > 0:  # noqa: ASYNC110 - a bench may poll
                await asyncio.sleep(0.001)
        await ended.wait()
        cpu, seconds = time.process_time() - cpu, time.perf_counter() - began
        parked = await role.count()
        print(f"{name:34}{number / seconds:9,.0f}/s{cpu / number * 1e6:9.1f} µs CPU, {parked} parked")  # noqa: T201
        costs.append(cpu / number * 1e6)
    return costs[1:]


async def many_endpoints(role: Role, accounts: Sequence[AccountId], hanging: int, rate: int, seconds: int) -> float:
    """At a fixed rate; the first `hanging` accounts never answer. p99 of all others, in ms."""
    random, slow = Random(1), frozenset(accounts[:hanging])
    latencies: list[float] = []
    unsettled = 0
    due = 0.0

    def finish_of(handed: float) -> Finish[Input]:
        def finish(received: Received[Input]) -> None:
            nonlocal unsettled
            unsettled -= 1
            if isinstance(received.event, Told) and received.event.event.account_id not in slow:
                latencies.append(time.perf_counter() - handed)

        return finish

    gc.freeze()
    cpu, began = time.process_time(), time.perf_counter()
    every = 0.02
    for tick in range(int(seconds / every)):
        due = began + tick * every
        await asyncio.sleep(max(due - time.perf_counter(), 0))
        records = [role.record(random.choice(accounts)) for _ in range(int(rate * every))]
        unsettled += len(records)
        await role.handle([Received(record, hear(record)) for record in records], finish_of(due))
    while unsettled:  # noqa: ASYNC110 - a bench may poll
        await asyncio.sleep(0.05)
    cpu = time.process_time() - cpu
    latencies.sort()
    shown = "  ".join(
        f"p{part * 100:g} {latencies[int(len(latencies) * part)] * 1000:.0f} ms" for part in (0.5, 0.99, 0.999)
    )
    name = f"{len(accounts):,} endpoints, {hanging} hang, {rate}/s"
    cost = f"{cpu / rate / seconds * 1e6:.0f} µs CPU, making the events included"
    print(f"{name:34}{shown}  {cost}; {await role.count()} parked")  # noqa: T201
    return latencies[int(len(latencies) * 0.99)] * 1000


@contextmanager
def customer() -> Iterator[int]:
    """The receiver; `/hang` never answers."""
    process = subprocess.Popen(
        [sys.executable, "-m", "simulators.customer", "--keep", "10"], cwd=ROOT, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        told = msgspec.json.decode(process.stdout.readline())
        httpx.put(
            f"http://127.0.0.1:{told['control_port']}/control",
            params={"path": "/hang"},
            json={"manner": "hang"},
            trust_env=False,
        ).raise_for_status()
        yield int(told["port"])
    finally:
        process.kill()
        process.wait(10)


async def run(mongodb: str, valkey: str, port: int, arguments: argparse.Namespace) -> int:
    """Both cases; the exit code."""
    mongo = MongoStore(mongodb, f"bench_{uuid4().hex[:8]}")
    role = Role(mongo, valkey)
    await mongo.start()
    for prepare in role.prepare:
        await prepare()
    for component in role.components:
        await component.start()
    accounts = [AccountId(f"a{number}") for number in range(arguments.endpoints)]
    hanging = arguments.endpoints // 100
    await mongo.database["webhook_endpoints"].insert_many(
        [
            role.endpoint(account, f"http://{account}.example:{port}/{'hang' if number < hanging else 'hook'}")
            for number, account in enumerate(accounts)
        ]
    )
    costs = await one_endpoint(role, accounts[-1], arguments.count)
    slowest = await many_endpoints(role, accounts, hanging, arguments.rate, arguments.seconds)
    for component in reversed(role.components):
        await component.stop(2.0)
    await mongo.stop(1.0)
    return judged({COST: costs, PROMPT: [slowest]})


def main() -> int:
    """Start the stack, run; 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--endpoints", type=int, default=10_000)
    parser.add_argument("--rate", type=int, default=1_000, help="events a second over all endpoints")
    parser.add_argument("--seconds", type=int, default=20)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, customer() as port:
        folder = Path(name)
        mongo = MongoDB(data=folder / "mongodb", log=folder / "mongodb.log", port=free_port())
        valkey = Valkey(data=folder / "valkey", log=folder / "valkey.log", port=free_port())
        try:
            for server in (mongo, valkey):
                server.start()
                server.wait_ready()
            return uvloop.run(run(mongo.uri, valkey.url, port, arguments))
        finally:
            for server in (mongo, valkey):
                server.kill()


if __name__ == "__main__":
    sys.exit(main())
