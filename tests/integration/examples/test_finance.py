"""`examples/finance`: it finds that the books balance, and every way in which they may not."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import sys
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from random import Random
from types import ModuleType
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from deploy.local.settings import ROOT
from services.billing.invoicing.audit import AuditEntry
from services.billing.invoicing.closer import Closer
from services.billing.invoicing.closing import Closing, ClosingState
from services.billing.invoicing.parties import Address, Customer, Subscribed
from services.billing.invoicing.records import Records
from services.billing.pricing.book import EXAMPLE, read_prices
from services.billing.usage.daily import DailyUsages
from services.billing.usage.entry import Charge
from shared.clock import ManualClock, SystemClock
from shared.contracts.topics import LOCAL, specs
from shared.ids import AccountId
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.record import Output
from shared.kafka.sending import Sender
from shared.kafka.settings import KafkaSettings
from shared.money.periods import Month, begins_at, first_day, moved
from shared.stores.mongodb import MongoStore
from tests.catalogue import fresh
from tests.unit.billing.building import charge
from tests.unit.billing.invoices import SELLER

SCRIPT = ROOT / "examples/finance/balance.py"
SEPTEMBER = Month("2026-09")
MONTHS = 3


def example() -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("balance", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


BALANCE = example()


class Business:
    """Three months of five customers: used, late, repeated, closed."""

    def __init__(self, mongo: MongoStore, send: Callable[..., Any]) -> None:
        self.clock = ManualClock(begins_at(SEPTEMBER))
        self.records = Records.of(mongo, self.clock)
        self.daily = DailyUsages(self.records.sums, send)
        self.closer = Closer(self.records, send, self.clock, read_prices(EXAMPLE), SELLER, tell_usage=self.daily.look)
        self._random = Random(11)
        self._number = 0

    async def run(self) -> None:
        await self.records.prepare()
        entry = AuditEntry(at=self.clock.now(), actor="test", action="test", subject="test")
        for number in range(5):
            await self.records.customers.put(_customer(number), lambda _, __: entry)
        late: list[Charge] = []
        for month in (moved(SEPTEMBER, count) for count in range(MONTHS)):
            used = [self._charge(month) for _ in range(200)]
            known, unknown = used[:180], used[180:]
            await self._record([*late, *known, *known[:50]])
            late = unknown
            self.clock = self._at(moved(month, 1))
            await self.records.closings.request(
                Closing(period=month, state=ClosingState.REQUESTED, requested_at=self.clock.now(), requested_by="test"),
                entry,
            )
            while await self.closer.step():
                pass
        await self._write_off(entry)
        await self.daily.look()

    async def _write_off(self, entry: AuditEntry) -> None:
        """What no customer paid for of the first month."""
        account = AccountId("nobody")
        one = msgspec.structs.replace(charge(999_999, 2, account=account), accepted_at=begins_at(SEPTEMBER))
        await self._record([one])
        await self.records.write_offs.add(account, SEPTEMBER, entry)
        await self.closer.tell_write_offs()

    async def _record(self, charges: list[Charge]) -> None:
        self._random.shuffle(charges)
        unique = {one.message_id: one for one in charges}
        for again in (charges[:50], list(unique.values())):
            await self.records.ledger.record(list({one.message_id: one for one in again}.values()), self.clock.now())
        await self.daily.look()

    def _charge(self, month: Month) -> Charge:
        self._number += 1
        account = AccountId(f"konto-{self._random.randrange(10)}")
        at = begins_at(month) + timedelta(days=self._random.randrange(28), hours=self._random.randrange(24))
        return msgspec.structs.replace(
            charge(self._number, self._random.randrange(1, 9), account=account),
            accepted_at=at,
            country=self._random.choice(["NO", "NO", "NO", "SE", None]),
        )

    def _at(self, month: Month) -> ManualClock:
        self.clock.advance((begins_at(month) - self.clock.now()).total_seconds() + 3600)
        return self.clock


def _customer(number: int) -> Customer:
    return Customer(
        customer_id=f"kunde-{number}",
        name=f"Kunde {number} AS",
        organisation_number="984066910",
        address=Address("Storgata 1", "0150", "Oslo"),
        plan="standard",
        accounts=(AccountId(f"konto-{2 * number}"), AccountId(f"konto-{2 * number + 1}")),
        subscriptions=(Subscribed("gateway", first_day(moved(SEPTEMBER, number - 1))),),
    )


@pytest.fixture
async def mongo(mongodb: str) -> AsyncIterator[MongoStore]:
    store = MongoStore(mongodb, f"billing_{uuid4().hex[:12]}")
    await store.start()
    yield store
    await store.database.client.drop_database(store.database.name)
    await store.stop(1.0)


@pytest.fixture
async def told(mongo: MongoStore) -> list[Output]:
    """What finance is told of the business."""
    sent: list[Output] = []

    async def send(outputs: list[Output]) -> None:
        sent.extend(outputs)

    await Business(mongo, send).run()
    return sent


def taken(outputs: list[Output]) -> Any:
    books = BALANCE.Books()
    for one in outputs:
        books.take(dict(one.headers)["ce_type"].decode(), msgspec.json.decode(one.value or b""))
    return books


def without(outputs: list[Output], kind: str) -> list[Output]:
    """All but the first of a kind."""
    first = next(one for one in outputs if kind in dict(one.headers)["ce_type"].decode())
    return [one for one in outputs if one is not first]


def changed(outputs: list[Output], kind: str, field: str, by: int) -> list[Output]:
    """The first of a kind that has more than nothing in a field, with another value in it."""
    result, done = [], False
    for one in outputs:
        content = msgspec.json.decode(one.value or b"")
        if not done and kind in dict(one.headers)["ce_type"].decode() and content.get(field):
            content[field] += by
            one = msgspec.structs.replace(one, value=msgspec.json.encode(content))
            done = True
        result.append(one)
    return result


async def test_the_books_balance_to_the_ore_and_every_difference_is_found(told: list[Output]) -> None:
    books = taken(told)
    assert list(books.differences()) == []
    assert list(taken([*told, *reversed(told)]).differences()) == []
    assert len(books.closed) == MONTHS
    assert len(books.invoices) == 5 * MONTHS
    kinds = {line["kind"] for invoice in books.invoices.values() for line in invoice["lines"]}
    assert kinds == {"usage", "adjustment", "subscription", "set_up"}
    assert list(books.months())[-2] == "written off: 2 parts"
    assert list(books.months())[-1].startswith("used and not in closed books: ")
    for broken in (
        without(told, "usage-booked"),
        without(told, "invoice-issued"),
        changed(told, "usage-booked", "parts", 1),
        changed(told, "usage-written-off", "parts", 1),
        changed(told, "invoice-issued", "net", 1),
        changed(told, "invoice-issued", "vat", -1),
        changed(told, "period-closed", "total", 1),
    ):
        assert list(taken(broken).differences()), "a difference was not found"


async def test_the_script_reads_the_topics_to_their_end(kafka: str, told: list[Output]) -> None:
    connection = KafkaSettings(bootstrap=kafka)
    await fresh(connection, [spec for spec in specs([], LOCAL) if spec.name in BALANCE.TOPICS])
    sender = Sender(connection=connection, clock=SystemClock(), metrics=KafkaMetrics(CollectorRegistry()))
    await sender.start()
    await sender.send([*told, *told])
    await sender.stop(5.0)
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(SCRIPT), env={**os.environ, "BUDSTIKKE_KAFKA": kafka}, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    lines = output.decode().splitlines()
    assert process.returncode == 0, lines
    assert [line.split()[0] for line in lines] == ["2026-09", "2026-10", "2026-11", "written", "used"]
