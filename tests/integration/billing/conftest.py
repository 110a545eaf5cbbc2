"""Books of their own for each test, and a sender that keeps what it is given."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from prometheus_client import CollectorRegistry

from services.billing.usage.metrics import UsageMetrics
from services.billing.usage.store import UsageStore
from shared.clock import ManualClock
from shared.stores.mongodb import MongoStore
from tests.integration.billing.office import Office, customer
from tests.integration.billing.outbox import Outbox
from tests.transactions import end_transactions
from tests.unit.billing.building import ACCEPTED


async def emptied(store: MongoStore) -> None:
    """Delete every row, also behind a process that was killed. The collections stay: to make their indexes anew costs
    more than a test.
    """
    await end_transactions(store)
    for name in await store.database.list_collection_names():
        await store.database[name].delete_many({})


@pytest.fixture
async def mongo(mongodb: str) -> AsyncIterator[MongoStore]:
    store = MongoStore(mongodb, f"billing_{uuid4().hex[:12]}")
    await store.start()
    yield store
    await store.database.client.drop_database(store.database.name)
    await store.stop(1.0)


@pytest.fixture
async def ledger(mongo: MongoStore) -> UsageStore:
    store = UsageStore(mongo)
    await store.prepare()
    return store


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(ACCEPTED)


@pytest.fixture
def metrics() -> UsageMetrics:
    return UsageMetrics(CollectorRegistry())


@pytest.fixture
async def office(mongo: MongoStore, outbox: Outbox) -> AsyncIterator[Office]:
    office = Office(mongo, outbox)
    await office.open()
    made = await mongo.database.list_collection_names()
    for one in (customer("nordvik", "skole", "bibliotek"), customer("sandvik", "havn")):
        await office.put(one)
    yield office
    assert set(await mongo.database.list_collection_names()) - set(made) == set(), "two might have raced for it"
