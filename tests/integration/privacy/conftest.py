"""A database of its own for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from shared.stores.mongodb import MongoStore


@pytest.fixture
async def mongo(mongodb: str) -> AsyncIterator[MongoStore]:
    store = MongoStore(mongodb, f"privacy_{uuid4().hex[:12]}")
    await store.start()
    yield store
    await store.database.client.drop_database(store.database.name)
    await store.stop(1.0)
