"""A message log of its own for each test, and a sender that keeps what it is given."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from pathlib import Path
from uuid import uuid4

import pytest
from prometheus_client import CollectorRegistry

from services.dlr.status.heard import Ear
from services.dlr.status.matching import Matching
from services.dlr.status.metrics import StatusMetrics
from services.dlr.status.orphans import Adopter
from services.dlr.status.parked import ParkedReceipts
from services.dlr.status.status import Status
from services.dlr.status.store import MessageStore
from services.dlr.status.tell import SOURCE, EventWriter
from shared.clock import ManualClock, SystemClock
from shared.contracts.topics import LOCAL, specs
from shared.errors import TryLater
from shared.ids import AccountId
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.record import Output
from shared.kafka.sending import Sender
from shared.kafka.settings import KafkaSettings
from shared.privacy.keys import FileKeyStore
from shared.privacy.pseudonyms import Pseudonyms
from shared.privacy.sealing import Sealer
from shared.stores.mongodb import MongoStore
from tests.catalogue import fresh
from tests.integration.dlr.driving import PARTITIONS, Door, Role, always
from tests.unit.dlr.building import ACCOUNT, START


class Outbox:
    """A sender: `sent` in order; refuses while `broken`."""

    def __init__(self) -> None:
        self.sent: list[Output] = []
        self.broken = False

    async def send(self, outputs: Sequence[Output]) -> None:
        if self.broken:
            raise TryLater("kafka_unavailable", "broken on purpose")
        self.sent += outputs


@pytest.fixture
async def mongo(mongodb: str) -> AsyncIterator[MongoStore]:
    store = MongoStore(mongodb, f"dlr_{uuid4().hex[:12]}")
    await store.start()
    yield store
    await store.database.client.drop_database(store.database.name)
    await store.stop(1.0)


@pytest.fixture
async def store(mongo: MongoStore) -> MessageStore:
    store = MessageStore(mongo)
    await store.prepare()
    return store


@pytest.fixture
async def parked(mongo: MongoStore) -> ParkedReceipts:
    parked = ParkedReceipts(mongo)
    await parked.prepare()
    return parked


@pytest.fixture
def keys(tmp_path: Path) -> FileKeyStore:
    return FileKeyStore(tmp_path / "keys")


@pytest.fixture
def sealer(keys: FileKeyStore) -> Sealer:
    return Sealer(keys, ManualClock(START))


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


@pytest.fixture
def role(store: MessageStore, parked: ParkedReceipts, keys: FileKeyStore, sealer: Sealer, outbox: Outbox) -> Role:
    """Of accounts that hear of each state as it comes."""
    return _role(store, parked, keys, sealer, outbox)


@pytest.fixture
def patient(store: MessageStore, parked: ParkedReceipts, keys: FileKeyStore, sealer: Sealer, outbox: Outbox) -> Role:
    """Of accounts of which nobody asked for more than the end."""
    return _role(store, parked, keys, sealer, outbox, eager=())


@pytest.fixture
def rival(store: MessageStore, parked: ParkedReceipts, keys: FileKeyStore, sealer: Sealer, outbox: Outbox) -> Role:
    """Another member of the group."""
    return _role(store, parked, keys, sealer, outbox)


def _role(
    store: MessageStore,
    parked: ParkedReceipts,
    keys: FileKeyStore,
    sealer: Sealer,
    outbox: Outbox,
    eager: Collection[AccountId] = (ACCOUNT,),
) -> Role:
    registry = CollectorRegistry()
    metrics = StatusMetrics(registry)
    adopter = Adopter(SOURCE, sealer, PARTITIONS)
    status = Status(
        store=store,
        send=outbox.send,
        events=EventWriter(PARTITIONS),
        matching=Matching(store, parked, adopter, metrics, ManualClock(START), "dlr.status"),
        eager=always(eager),
        metrics=metrics,
        recent=100,
    )
    return Role(status, Ear(sealer, Pseudonyms(keys)), registry)


@pytest.fixture
def door(sealer: Sealer) -> Door:
    return Door(sealer)


@pytest.fixture(scope="session")
def key_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all tests on the broker: what one of them leaves on a topic must open for the next."""
    return tmp_path_factory.mktemp("dlr") / "keys"


@pytest.fixture
def environment(kafka: str, mongodb: str, key_store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings of the role `status`; returns the key store."""
    for name, value in {
        "HEALTH_PORT": "0",
        "KAFKA": kafka,
        "MONGODB": mongodb,
        "KEY_STORE": str(key_store),
    }.items():
        monkeypatch.setenv(f"BUDSTIKKE_{name}", value)
    return key_store


@pytest.fixture
async def producer(kafka: str) -> AsyncIterator[Sender]:
    connection = KafkaSettings(bootstrap=kafka)
    await fresh(connection, specs(["fjord"], LOCAL))
    sender = Sender(connection=connection, clock=SystemClock(), metrics=KafkaMetrics(CollectorRegistry()))
    await sender.start()
    yield sender
    await sender.stop(5.0)
