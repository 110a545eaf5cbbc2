"""Retention on a database of its own, without a broker."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from uuid import uuid4

import pytest
from prometheus_client import CollectorRegistry

from services.retention.api.commands import Commands
from services.retention.orders.accounts import Accounts
from services.retention.orders.ordering import Ordering
from services.retention.proof.chain import Chain
from services.retention.proof.metrics import ProofMetrics
from services.retention.proof.proving import Proving
from services.retention.store import RetentionStore
from shared.clock import ManualClock
from shared.contracts.accounts import AccountChanged
from shared.contracts.codec import read
from shared.contracts.privacy import LegalHoldChanged, OrderId, PrivacyAnswered, PrivacyOrdered, StoreCount
from shared.contracts.words import AccountState
from shared.ids import AccountId
from shared.kafka.record import Output, Received, Record
from shared.privacy.keys import FileKeyStore
from shared.stores.mongodb import MongoStore

ACCOUNT = AccountId("acme")
NIGHT = datetime(2026, 11, 23, 2, 30, tzinfo=UTC)
_RECORD = Record("topic", 0, 0, 0, None, None, ())


class Retention:
    """All of the service, and what it published."""

    def __init__(self, mongo: MongoStore, keys: FileKeyStore) -> None:
        self.mongo = mongo
        self.keys = keys
        self.clock = ManualClock(NIGHT)
        self.published: list[PrivacyOrdered] = []
        self.holds: list[LegalHoldChanged] = []
        self.in_order: list[LegalHoldChanged | PrivacyOrdered] = []
        self.meanwhile: list[Callable[[], Awaitable[object]]] = []
        self.store, self.chain = RetentionStore(mongo), Chain(mongo)
        self.accounts = Accounts()
        names = count()
        self.commands = Commands(self.store, keys, self.clock, lambda: f"{next(names):024x}")
        self.ordering = Ordering(self.store, self.accounts, self._send, self.clock)
        self.proving = Proving(self.store, self.chain, keys, self.clock, ProofMetrics(CollectorRegistry()))

    def another(self) -> Ordering:
        """Ordering as another process has it."""
        return Ordering(self.store, self.accounts, self._send, self.clock)

    def tell(self, account: str, state: AccountState = AccountState.ACTIVE, at: datetime = NIGHT) -> None:
        """An account, as its topic tells of it."""
        event = AccountChanged(
            account_id=AccountId(account), organisation_id="org", state=state, version=1, changed_at=at
        )
        self.accounts.apply(_RECORD, event)

    async def answer(self, order: OrderId, *services: str, complete: bool = True) -> None:
        """Services answer, each of one store."""
        for service in services:
            event = PrivacyAnswered(
                order_id=order,
                account_id=ACCOUNT,
                service=service,
                started_at=NIGHT,
                finished_at=NIGHT,
                complete=complete,
                counts=(StoreCount(store="rows", deleted=3, held=1),),
            )
            await self.proving([Received(_RECORD, event)], lambda _: None)

    async def _send(self, outputs: Sequence[Output]) -> None:
        if self.meanwhile:
            await self.meanwhile.pop(0)()
        for output in outputs:
            event = read(Record(output.topic, output.partition, 0, 0, output.key, output.value, output.headers))
            assert isinstance(event, LegalHoldChanged | PrivacyOrdered)
            self.in_order.append(event)
            if isinstance(event, LegalHoldChanged):
                self.holds.append(event)
            else:
                self.published.append(event)


@pytest.fixture
async def retention(mongodb: str, tmp_path: Path) -> AsyncIterator[Retention]:
    mongo = MongoStore(mongodb, f"retention_{uuid4().hex[:12]}")
    await mongo.start()
    retention = Retention(mongo, FileKeyStore(tmp_path / "keys"))
    await retention.store.prepare()
    await retention.chain.prepare()
    yield retention
    await mongo.database.client.drop_database(mongo.database.name)
    await mongo.stop(1.0)
