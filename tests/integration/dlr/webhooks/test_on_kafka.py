"""The role as a process on the real stack, killed while it delivers."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from prometheus_client import CollectorRegistry

from deploy.local.ports import free_port
from services.dlr.webhooks.api.bodies import NewEndpoint
from services.dlr.webhooks.api.management import Management
from services.dlr.webhooks.client.client import Client
from services.dlr.webhooks.client.resolving import Resolver
from services.dlr.webhooks.endpoints.secrets import Secrets
from services.dlr.webhooks.endpoints.store import EndpointStore
from shared.clock import ManualClock, SystemClock
from shared.contracts.topics import LOCAL, specs
from shared.ids import AccountId
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.sending import Sender
from shared.kafka.settings import KafkaSettings
from shared.privacy.keys import FileKeyStore
from shared.privacy.sealing import Sealer
from shared.stores.mongodb import MongoStore
from shared.trust import trusted
from simulators.customer.behaviour import Behaviour, Manner
from simulators.customer.receiver import Receiver
from tests.catalogue import fresh
from tests.conftest import ROOT, Stack
from tests.integration.dlr.driving import message_ids
from tests.integration.dlr.webhooks.driving import changed
from tests.support import wait_until
from tests.unit.dlr.building import START


class Process:
    """The role `webhooks`, killed with the test."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self._port = free_port()
        self._log = folder / "webhooks.log"
        self._environment = {
            **os.environ,
            "BUDSTIKKE_HEALTH_PORT": str(self._port),
            "BUDSTIKKE_KAFKA": stack.kafka,
            "BUDSTIKKE_MONGODB": stack.mongodb,
            "BUDSTIKKE_VALKEY": stack.valkey,
            "BUDSTIKKE_KEY_STORE": str(folder / "keys"),
            "BUDSTIKKE_WEBHOOK_PRIVATE": "true",
        }
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        self._process = await asyncio.to_thread(self._spawn)

        async def ready() -> bool:
            assert self._process is not None
            assert self._process.poll() is None, self._log.read_text()
            async with httpx.AsyncClient(verify=trusted(), trust_env=False) as http:
                with suppress(httpx.TransportError):
                    return (await http.get(f"http://127.0.0.1:{self._port}/ready")).status_code == 200
            return False

        await wait_until(ready, 60)

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "services.dlr", "webhooks"],
                cwd=ROOT,
                env=self._environment,
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def stop(self) -> int:
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(30)
        self._process = None
        return code


@pytest.fixture
def process(stack: Stack, tmp_path: Path) -> Iterator[Process]:
    process = Process(stack, tmp_path)
    yield process
    process.kill()


@pytest.fixture
async def sender(stack: Stack) -> AsyncIterator[Sender]:
    connection = KafkaSettings(bootstrap=stack.kafka)
    await fresh(connection, specs(["fjord"], LOCAL))
    sender = Sender(connection=connection, clock=SystemClock(), metrics=KafkaMetrics(CollectorRegistry()))
    await sender.start()
    yield sender
    await sender.stop(5.0)


async def test_nothing_is_lost_when_it_is_killed_at_any_point(
    stack: Stack, process: Process, sender: Sender, receiver: Receiver, tmp_path: Path
) -> None:
    clock = SystemClock()
    account = AccountId(f"a{uuid4().hex[:8]}")
    sealer = Sealer(FileKeyStore(tmp_path / "keys"), ManualClock(START))
    mongo = MongoStore(stack.mongodb, "dlr")
    await mongo.start()
    secrets = Secrets(sealer, os.urandom)
    client = Client(Resolver(clock, private=True), clock)
    management = Management(EndpointStore(mongo), secrets, client, clock, os.urandom, private=True)
    for path in ("good", "stubborn", "hanging"):
        await management.create(account, NewEndpoint(f"http://127.0.0.1:{receiver.port}/{path}"), None)
    receiver.paths["/good"] = Behaviour(delay_ms=5)
    receiver.paths["/stubborn"] = Behaviour(status=503, times=30)
    receiver.paths["/hanging"] = Behaviour(manner=Manner.HANG, times=4)
    ids = message_ids(300)
    told: dict[str, set[str]] = {"/good": set(), "/stubborn": set(), "/hanging": set()}

    def arrived() -> int:
        for one in receiver.deliveries:
            told[one.path].add(one.headers["webhook-id"])
        return len(told["/good"])

    try:
        for part in range(2):
            await process.start()
            await sender.send([changed(sealer, message_id, account=account) for message_id in ids[part::2]])
            await wait_until(lambda part=part: arrived() > 150 * part + 20, 60)  # type: ignore[misc]
            process.kill()
        await process.start()
        await wait_until(lambda: bool(arrived()) and len(told["/good"]) == 300, 60)

        async def all_told() -> bool:
            arrived()
            left = await mongo.database["webhook_deliveries"].count_documents({"account_id": account})
            return not left and all(len(each) == 300 for each in told.values())

        await wait_until(all_told, 90)
        assert await asyncio.to_thread(process.stop) == 0
    finally:
        await mongo.database["webhook_endpoints"].delete_many({"account_id": account})
        await mongo.stop(1.0)
