"""The role `api` is killed between the steps of a request with a key; the repeat, at another process, completes it."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from deploy.local.kafka import Kafka
from deploy.local.mongodb import MongoDB
from deploy.local.ports import free_port
from deploy.local.settings import ROOT
from deploy.local.valkey import Valkey
from services.ingest.accounts.account import Account, Key
from services.ingest.accounts.keys import ALL_SCOPES, make
from services.ingest.accounts.store import DATABASE, AccountStore
from shared.clock import SystemClock
from shared.contracts.topics import LOCAL, specs
from shared.ids import AccountId
from shared.kafka.settings import KafkaSettings
from shared.kafka.topics import create
from shared.stores.mongodb import MongoStore
from tests.integration.ingest.api.conftest import watching
from tests.support import wait_until

TOPIC = "sms.requests.express"
BODY = {"to": [f"+479{number:07}" for number in range(20)], "text": "Koden er 1234", "category": "otp"}
START_SECONDS = 60.0


class Stack:
    """Servers that a test may stop and go on with, and what doors on them are told."""

    def __init__(self, folder: Path, jars: tuple[Path, ...]) -> None:
        self.folder = folder
        self.kafka = Kafka(
            data=folder / "kafka",
            log=folder / "kafka.log",
            port=free_port(),
            controller_port=free_port(),
            jars=jars,
            heap_mb=256,
        )
        self.mongodb = MongoDB(data=folder / "mongodb", log=folder / "mongodb.log", port=free_port())
        self.valkey = Valkey(data=folder / "valkey", log=folder / "valkey.log", port=free_port())

    @contextmanager
    def frozen(self, server: Kafka | MongoDB) -> Iterator[Callable[[], None]]:
        """A server that answers nobody until the given function is called."""
        pid = server.process.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        try:
            yield lambda: os.kill(pid, signal.SIGCONT)
        finally:
            os.kill(pid, signal.SIGCONT)


class Door:
    """The role `api` in a process of its own."""

    def __init__(self, stack: Stack, key: str) -> None:
        self._stack = stack
        self._health, port = free_port(), free_port()
        secret = stack.folder / "secret"
        secret.write_text("s" * 43)
        environment = os.environ | {
            "BUDSTIKKE_HEALTH_PORT": str(self._health),
            "BUDSTIKKE_API_PORT": str(port),
            "BUDSTIKKE_KAFKA": stack.kafka.bootstrap,
            "BUDSTIKKE_MONGODB": stack.mongodb.uri,
            "BUDSTIKKE_VALKEY": stack.valkey.url,
            "BUDSTIKKE_KEY_STORE": str(stack.folder / "keys"),
            "BUDSTIKKE_DLR_API": "http://127.0.0.1:9",
            "BUDSTIKKE_INTERNAL_SECRET": str(secret),
        }
        with (stack.folder / f"door-{port}.log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "services.ingest", "api"], cwd=ROOT, env=environment, stdout=log, stderr=log
            )
        self.http = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}",
            headers={"authorization": f"Bearer {key}"},
            timeout=30.0,
            trust_env=False,
        )

    async def ready(self) -> None:
        async def answers() -> bool:
            assert self._process.poll() is None, "the door ended"
            with suppress(httpx.TransportError):
                return (await self.http.get(f"http://127.0.0.1:{self._health}/ready")).is_success
            return False

        await wait_until(answers, START_SECONDS)

    async def send(self, key: str = "k-1") -> httpx.Response:
        return await self.http.post("/v1/messages", json=BODY, headers={"idempotency-key": key})

    async def kill(self) -> None:
        """As by the machine: no word to anybody."""
        self._process.kill()
        await asyncio.to_thread(self._process.wait)
        await self.http.aclose()


@pytest.fixture(scope="module")
def stack(jars: tuple[Path, ...], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("stack"), jars)
    servers = (stack.kafka, stack.mongodb, stack.valkey)
    try:
        for server in servers:
            server.start()
        for server in servers:
            server.wait_ready()
        asyncio.run(create(KafkaSettings(bootstrap=stack.kafka.bootstrap), specs([], LOCAL)))
        yield stack
    finally:
        for server in servers:
            server.kill()


@pytest.fixture
async def mongo(stack: Stack) -> AsyncIterator[MongoStore]:
    store = MongoStore(stack.mongodb.uri, DATABASE)
    await store.start()
    await store.database.idempotency.delete_many({})
    yield store
    await store.stop(1.0)


@pytest.fixture
async def key(mongo: MongoStore) -> str:
    """A key of an account of its own."""
    accounts = AccountStore(mongo)
    account = Account(AccountId(f"a{secrets.token_hex(6)}"), "Test", default_sender="Test")
    made = make(secrets.token_bytes)
    await accounts.add_account(account)
    await accounts.add_key(Key(made.key_id, account.account_id, made.digest, ALL_SCOPES, SystemClock().now()))
    return made.text


@pytest.fixture
async def doors(stack: Stack, key: str) -> AsyncIterator[list[Door]]:
    """Two, both ready."""
    two = [Door(stack, key), Door(stack, key)]
    try:
        for door in two:
            await door.ready()
        yield two
    finally:
        for door in two:
            await door.kill()


async def answered(mongo: MongoStore) -> list[bool]:
    """Of each row, whether its answer is kept."""
    return ["answer" in row async for row in mongo.database.idempotency.find()]


async def test_killed_between_claim_and_produce(stack: Stack, mongo: MongoStore, doors: list[Door]) -> None:
    first, second = doors
    async with watching(stack.kafka.bootstrap, TOPIC) as topic:
        with stack.frozen(stack.kafka) as thaw:
            asking = asyncio.create_task(first.send())

            async def claimed() -> bool:
                return await answered(mongo) == [False]

            await wait_until(claimed)
            await first.kill()
            with pytest.raises(httpx.TransportError):
                await asking
            thaw()
        answer = await second.send()
        assert answer.status_code == 202
        assert "idempotency-replayed" not in answer.headers
        ids = [message["id"] for message in answer.json()["messages"]]
        # What the dead one had on its way when the broker went to sleep may have come too.
        written = [record.key.decode() for record in await topic.records()]
        assert set(written) == set(ids)
        assert len({record.partition for record in await topic.records()}) == 1
    assert await mongo.database.idempotency.count_documents({}) == 1


async def test_killed_between_produce_and_answer_and_valkey_wiped(
    stack: Stack, mongo: MongoStore, doors: list[Door]
) -> None:
    first, second = doors
    assert (await first.send("warm")).status_code == 202
    async with watching(stack.kafka.bootstrap, TOPIC) as topic:
        with stack.frozen(stack.kafka) as thaw_kafka:
            asking = asyncio.create_task(first.send())

            async def claimed() -> bool:
                return sorted(await answered(mongo)) == [False, True]

            await wait_until(claimed)
            with stack.frozen(stack.mongodb):
                thaw_kafka()

                async def produced() -> bool:
                    return len(await topic.records()) == len(BODY["to"])

                await wait_until(produced)
                await first.kill()
        with suppress(httpx.TransportError):
            assert (await asking).status_code == 202  # the answer that cannot be kept is given all the same
        stack.valkey.kill()
        answer = await second.send()
        assert answer.status_code == 202
        ids = [message["id"] for message in answer.json()["messages"]]
        records = await topic.records()
        assert {record.key.decode() for record in records} == set(ids)
        assert len(records) in {len(ids), 2 * len(ids)}

        async def replayed() -> bool:  # an answer that a database just awake did not keep is given again, and kept then
            again = await second.send()
            assert again.content == answer.content
            return "idempotency-replayed" in again.headers

        await wait_until(replayed)
        assert {record.key.decode() for record in await topic.records()} == set(ids)
    stack.valkey.start()
    stack.valkey.wait_ready()


async def test_killed_after_the_answer_was_kept(stack: Stack, mongo: MongoStore, doors: list[Door]) -> None:
    first, second = doors
    async with watching(stack.kafka.bootstrap, TOPIC) as topic:
        answer = await first.send()
        assert answer.status_code == 202

        async def kept() -> bool:
            return await answered(mongo) == [True]

        await wait_until(kept)
        await first.kill()
        again = await second.send()
        assert (again.status_code, again.content) == (202, answer.content)
        assert again.headers["idempotency-replayed"] == "true"
        assert len(await topic.records()) == len(BODY["to"])
