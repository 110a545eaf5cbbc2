"""Counters on the real Valkey, snapshots in the real database."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

import pytest

from services.ingest.screening.snapshots import SnapshotStore
from shared.stores.mongodb import MongoStore
from shared.stores.valkey import ValkeyStore


@pytest.fixture
async def store(valkey: str) -> AsyncIterator[ValkeyStore]:
    one = ValkeyStore(valkey)
    await one.start()
    await one.client.flushall()
    yield one
    await one.stop(1.0)


@pytest.fixture
async def mongo(mongodb: str) -> AsyncIterator[MongoStore]:
    one = MongoStore(mongodb, f"ingest-{secrets.token_hex(4)}")
    await one.start()
    yield one
    await one.database.client.drop_database(one.database.name)
    await one.stop(5.0)


@pytest.fixture
def kept(mongo: MongoStore) -> SnapshotStore:
    return SnapshotStore(mongo)
