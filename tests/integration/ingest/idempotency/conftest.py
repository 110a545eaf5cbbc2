"""A database of its own for each test, and doors that know only that."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from uuid import uuid4

import pytest
from prometheus_client import CollectorRegistry

from services.ingest.idempotency.claims import Claims
from services.ingest.idempotency.metrics import IdempotencyMetrics
from services.ingest.idempotency.store import ClaimStore
from shared.clock import Clock, SystemClock
from shared.privacy.keys import FileKeyStore
from shared.privacy.sealing import Sealer
from shared.stores.mongodb import MongoStore

NewDoor = Callable[..., Claims]


@pytest.fixture
async def mongo(mongodb: str) -> AsyncIterator[MongoStore]:
    store = MongoStore(mongodb, f"ingest_{uuid4().hex[:12]}")
    await store.start()
    await ClaimStore(store.database).prepare()
    yield store
    await store.database.client.drop_database(store.database.name)
    await store.stop(1.0)


@pytest.fixture
def new_door(mongo: MongoStore, tmp_path: Path) -> NewDoor:
    def make(clock: Clock | None = None) -> Claims:
        own = clock or SystemClock()
        sealer = Sealer(FileKeyStore(tmp_path / "keys"), own)
        return Claims(ClaimStore(mongo.database), sealer, own, IdempotencyMetrics(CollectorRegistry()))

    return make
