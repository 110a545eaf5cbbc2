"""A broker with the listener for client systems, and a database, for the tests of this folder and its neighbours."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from deploy.local.kafka import Kafka
from deploy.local.ports import free_port
from services.ingest.accounts.store import DATABASE, AccountStore
from shared.clock import SystemClock
from shared.contracts.topics import LOCAL, specs
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.sending import Sender
from shared.kafka.settings import KafkaSettings
from shared.kafka.topics import create
from shared.stores.mongodb import MongoStore
from tests.integration.ingest.clients.running import Room


@pytest.fixture(scope="session")
def secured(jars: tuple[Path, ...], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A broker that client systems may log in to."""
    folder = tmp_path_factory.mktemp("secured")
    broker = Kafka(
        data=folder / "data",
        log=folder / "kafka.log",
        port=free_port(),
        controller_port=free_port(),
        clients_port=free_port(),
        jars=jars,
    )
    try:
        broker.start()
        broker.wait_ready()
        yield broker
    finally:
        broker.kill()


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One key store for all tests: what an earlier one left is read again by a later one."""
    return tmp_path_factory.mktemp("keys")


@pytest.fixture
async def room(secured: Kafka, mongodb: str, tmp_path: Path, keys: Path) -> AsyncIterator[Room]:
    """The role's surroundings; what is started in it ends with the test."""
    connection = KafkaSettings(bootstrap=secured.bootstrap, client_id="test")
    await create(connection, specs([], LOCAL))
    mongo = MongoStore(mongodb, DATABASE)
    await mongo.start()
    sender = Sender(connection=connection, clock=SystemClock(), metrics=KafkaMetrics(CollectorRegistry()))
    await sender.start()
    await AccountStore(mongo).prepare()
    made = Room(secured.bootstrap, mongodb, mongo, sender, tmp_path, keys)
    await made.forget_leases()
    try:
        yield made
    finally:
        made.end()
        await sender.stop(1.0)
        await mongo.stop(5.0)
