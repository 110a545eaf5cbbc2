"""The role `api` in this process, on a real broker and database, over real sockets."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import SystemRandom

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord
from prometheus_client import CollectorRegistry

from services.ingest.accounts.account import Account, Key
from services.ingest.accounts.keys import ALL_SCOPES, NewKey, Scope, make
from services.ingest.accounts.store import DATABASE, AccountStore
from services.ingest.api.role import build_api
from shared.clock import SystemClock
from shared.contracts.topics import LOCAL, specs
from shared.http import HttpServer
from shared.ids import AccountId
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.settings import KafkaSettings
from shared.kafka.topics import create
from shared.privacy.keys import FileKeyStore
from shared.privacy.sealing import Sealer
from shared.service import Context
from shared.stores.mongodb import MongoStore
from shared.trust import trusted

SECRET = "s" * 43
CLOCK = SystemClock()
NO_VALKEY = "redis://127.0.0.1:9/0"


class Caller:
    """An account of its own, with a key, at a running door."""

    def __init__(self, url: str, account: Account, key: NewKey, accounts: AccountStore, key_store: Path) -> None:
        self.account = account
        self.key = key
        self.accounts = accounts
        self.sealer = Sealer(FileKeyStore(key_store), CLOCK)
        self.http = httpx.AsyncClient(
            base_url=url,
            headers={"authorization": f"Bearer {key.text}"},
            timeout=30.0,
            verify=trusted(),
            trust_env=False,
        )


@asynccontextmanager
async def open_door(
    kafka: str,
    mongodb: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    dlr_api: str = "http://127.0.0.1:9",
    valkey: str = NO_VALKEY,
    kafka_clients: str = "",
) -> AsyncIterator[str]:
    """Start the role; its base URL. By default the owner of the message log is away, and so is Valkey, and there is no
    listener for client systems.
    """
    await create(KafkaSettings(bootstrap=kafka), specs([], LOCAL))
    secret = folder / "internal-secret"
    secret.write_text(SECRET)
    for name, value in {
        "HEALTH_PORT": "0",
        "API_PORT": "0",
        "KAFKA": kafka,
        "MONGODB": mongodb,
        "VALKEY": valkey,
        "KEY_STORE": str(folder / "keys"),
        "DLR_API": dlr_api,
        "INTERNAL_SECRET": str(secret),
        "KAFKA_CLIENTS": kafka_clients,
    }.items():
        monkeypatch.setenv(f"BUDSTIKKE_{name}", value)
    registry = CollectorRegistry()
    components = build_api(
        Context(clock=CLOCK, random=SystemRandom(), registry=registry, kafka_metrics=KafkaMetrics(registry))
    )
    started = []
    try:
        for component in components:
            started.append(component)
            await component.start()
        server = components[-1]
        assert isinstance(server, HttpServer)
        yield f"http://127.0.0.1:{server.port}"
    finally:
        for component in reversed(started):
            await component.stop(5.0)


@asynccontextmanager
async def calling(
    url: str, mongodb: str, folder: Path, scopes: frozenset[Scope] = ALL_SCOPES, account_id: AccountId | None = None
) -> AsyncIterator[Caller]:
    """A new account with a key."""
    store = MongoStore(mongodb, DATABASE)
    await store.start()
    accounts = AccountStore(store)
    account = Account(account_id or AccountId(f"a{secrets.token_hex(6)}"), "Test", default_sender="Test")
    key = make(secrets.token_bytes)
    await accounts.add_account(account)
    await accounts.add_key(Key(key.key_id, account.account_id, key.digest, scopes, CLOCK.now()))
    caller = Caller(url, account, key, accounts, folder / "keys")
    try:
        yield caller
    finally:
        await caller.http.aclose()
        await store.stop(5.0)


@pytest.fixture
async def url(kafka: str, mongodb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    async with open_door(kafka, mongodb, tmp_path, monkeypatch) as address:
        yield address


@pytest.fixture
async def caller(url: str, mongodb: str, tmp_path: Path) -> AsyncIterator[Caller]:
    async with calling(url, mongodb, tmp_path) as one:
        yield one


Ends = dict[TopicPartition, int]


class Topic:
    """What is written to one topic from now on."""

    def __init__(self, consumer: AIOKafkaConsumer, begin: Ends) -> None:
        self._consumer = consumer
        self._begin = begin

    def from_beginning(self) -> None:
        """Look at all there ever was, of a topic from which nothing was deleted."""
        self._begin = dict.fromkeys(self._begin, 0)

    async def records(self) -> list[ConsumerRecord]:
        """Everything since, up to what is there now."""
        ends: Ends = await self._consumer.end_offsets(list(self._begin))
        for place, offset in self._begin.items():
            self._consumer.seek(place, offset)
        records: list[ConsumerRecord] = []
        missing = sum(ends.values()) - sum(self._begin.values())
        while len(records) < missing:
            for batch in (await self._consumer.getmany(timeout_ms=1000)).values():
                records += batch
        return records


@asynccontextmanager
async def watching(kafka: str, topic: str, partitions: int = LOCAL.message_partitions) -> AsyncIterator[Topic]:
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, enable_auto_commit=False)
    await consumer.start()
    try:
        places = [TopicPartition(topic, number) for number in range(partitions)]
        consumer.assign(places)
        yield Topic(consumer, await consumer.end_offsets(places))
    finally:
        await consumer.stop()
