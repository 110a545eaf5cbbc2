"""The roles `usage` and `invoicing` as processes that are killed in the middle of their work."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer
from prometheus_client import CollectorRegistry

from services.billing.database import DATABASE
from services.billing.invoicing.audit import AuditEntry
from services.billing.invoicing.closing import Closing, ClosingState
from services.billing.invoicing.records import Records
from services.billing.usage.role import GROUP
from shared.clock import SystemClock
from shared.contracts import topics
from shared.contracts.states import State
from shared.contracts.topics import LOCAL, specs
from shared.ids import AccountId
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.sending import Sender
from shared.kafka.settings import KafkaSettings
from shared.money.periods import month_of
from shared.stores.mongodb import MongoStore
from tests.catalogue import fresh
from tests.integration.billing.conftest import emptied
from tests.integration.billing.premium.driving import leave
from tests.support import wait_until
from tests.transactions import end_transactions
from tests.unit.billing.building import ACCEPTED, charge, output, status
from tests.unit.billing.invoices import CUSTOMER

ROOT = Path(__file__).resolve().parents[3]
MESSAGES = 600
KILLED_AT = (100, 350)
CUSTOMERS = 24
BY = AuditEntry(at=ACCEPTED, actor="test", action="test", subject="test")


class Victim:
    """A role as a process."""

    def __init__(self, role: str) -> None:
        self._role = role
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.billing", self._role, cwd=ROOT, stdout=asyncio.subprocess.DEVNULL
        )

    async def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            assert self._process.returncode is None
            self._process.kill()
            await self._process.wait()
            self._process = None


@pytest.fixture
def environment(kafka: str, mongodb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"HEALTH_PORT": "0", "KAFKA": kafka, "MONGODB": mongodb, "USAGE_BATCH": "20", "INVOICING_SECONDS": "0.05"}
    for name, value in values.items():
        monkeypatch.setenv(f"BUDSTIKKE_{name}", value)


@pytest.fixture
async def producer(kafka: str) -> AsyncIterator[Sender]:
    connection = KafkaSettings(bootstrap=kafka)
    ours = (topics.EVENTS, topics.USAGE, topics.INVOICES)
    await fresh(connection, [spec for spec in specs([], LOCAL) if spec.name.startswith(ours)])
    sender = Sender(connection=connection, clock=SystemClock(), metrics=KafkaMetrics(CollectorRegistry()))
    await sender.start()
    yield sender
    await sender.stop(5.0)


@pytest.fixture
async def mongo(mongodb: str) -> AsyncIterator[MongoStore]:
    store = MongoStore(mongodb, DATABASE)
    await store.start()
    yield store
    await emptied(store)
    await store.stop(1.0)


async def test_every_message_is_counted_once(
    environment: None, kafka: str, producer: Sender, mongo: MongoStore
) -> None:
    ledger = mongo.database["usage"]
    taken = [output(status(number, 1 + number % 3)) for number in range(MESSAGES)]
    arrived = [output(status(number, 1 + number % 3, sequence=4, state=State.DELIVERED)) for number in range(MESSAGES)]
    await producer.send([*taken, *arrived, *taken[:50]])
    victim = Victim("usage")

    async def holds(rows: int) -> bool:
        return await ledger.estimated_document_count() >= rows

    try:
        for rows in (*KILLED_AT, MESSAGES):
            await victim.start()
            await wait_until(lambda rows=rows: holds(rows), 60)
            await victim.kill()
            await end_transactions(mongo)
            await leave(kafka, GROUP)
    finally:
        await victim.kill()
    parts = Counter([row["parts"] async for row in ledger.find()])
    assert parts == {1: MESSAGES // 3, 2: MESSAGES // 3, 3: MESSAGES // 3}


async def test_a_close_that_is_killed_issues_each_invoice_once_and_without_a_gap(
    environment: None, kafka: str, producer: Sender, mongo: MongoStore
) -> None:
    records, month = Records.of(mongo, SystemClock()), month_of(ACCEPTED)
    await records.prepare()
    for number in range(CUSTOMERS):
        account = AccountId(f"konto-{number:02}")
        one = msgspec.structs.replace(CUSTOMER, customer_id=f"kunde-{number:02}", plan="standard", accounts=(account,))
        await records.customers.put(one, lambda _, __: BY)
        await records.ledger.record([charge(number, 2, account=account)], ACCEPTED)
    asked = Closing(period=month, state=ClosingState.REQUESTED, requested_at=ACCEPTED, requested_by="test", early=True)
    await records.closings.request(asked, BY)
    victim = Victim("invoicing")

    async def issued(invoices: int) -> bool:
        return await mongo.database["invoices"].estimated_document_count() >= invoices

    async def closed() -> bool:
        found = await records.closings.of(month)
        return found is not None and found.state is ClosingState.CLOSED

    try:
        for invoices in (1, 9):
            await victim.start()
            await wait_until(lambda invoices=invoices: issued(invoices), 60)
            await victim.kill()
            await end_transactions(mongo)
        await victim.start()
        await wait_until(closed, 60)
    finally:
        await victim.kill()
    numbers = [one.number for one in await records.books.invoices()]
    assert numbers == list(range(100001, 100001 + CUSTOMERS))
    assert sum(one.parts for one in await records.books.bookings(month)) == 2 * CUSTOMERS
    told: dict[bytes, set[bytes | None]] = {}
    async with AIOKafkaConsumer(topics.INVOICES, bootstrap_servers=kafka, auto_offset_reset="earliest") as consumer:
        while month.encode() not in told:
            record = await asyncio.wait_for(consumer.getone(), 20)
            told.setdefault(record.key or b"", set()).add(record.value)
    assert len(told) == CUSTOMERS + 1
    assert {len(values) for values in told.values()} == {1}
