"""Premium books of their own for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from prometheus_client import CollectorRegistry

from services.billing.premium.closing import Closing
from services.billing.premium.ledger import Ledger
from services.billing.premium.metrics import PremiumMetrics
from services.billing.premium.outbox import Outbox as PremiumOutbox
from services.billing.premium.refunding import Refunds
from services.billing.premium.telling import Teller
from shared.clock import ManualClock
from shared.stores.mongodb import MongoStore
from tests.integration.billing.outbox import Outbox
from tests.integration.billing.premium.driving import Books
from tests.unit.billing.premium.building import TERMS

PARTITIONS = 4
NOW = datetime(2026, 11, 2, 8, tzinfo=UTC)


@pytest.fixture(scope="session")
def database() -> str:
    """One for all these tests, emptied between them: making its indexes takes longer than any of them."""
    return f"premium_{uuid4().hex[:12]}"


@pytest.fixture
async def mongo(mongodb: str, database: str) -> AsyncIterator[MongoStore]:
    store = MongoStore(mongodb, database)
    await store.start()
    yield store
    for name in await store.database.list_collection_names():
        await store.database[name].delete_many({})
    await store.stop(1.0)


@pytest.fixture
def clock() -> ManualClock:
    """The second of November 2026: October is over."""
    return ManualClock(NOW)


@pytest.fixture
async def books(mongo: MongoStore, clock: ManualClock) -> Books:
    ledger, refunds = Ledger(mongo, TERMS), Refunds(mongo)
    closing = Closing(mongo, ledger, TERMS, clock)
    for part in (ledger, refunds, closing):
        await part.prepare()
    return Books(mongo, ledger, refunds, closing, clock)


@pytest.fixture
async def teller(books: Books, outbox: Outbox, clock: ManualClock) -> PremiumOutbox:
    """What sends to finance and to Strex, into `outbox`."""
    metrics = PremiumMetrics(CollectorRegistry())
    teller = PremiumOutbox(books.mongo, books.refunds, Teller(PARTITIONS), outbox.send, clock, metrics)
    await teller.prepare()
    return teller
