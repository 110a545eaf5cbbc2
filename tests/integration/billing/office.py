"""The books of one test, and everybody who works on them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from services.billing.invoicing.audit import AuditEntry
from services.billing.invoicing.closer import Closer
from services.billing.invoicing.closing import Closing, ClosingState
from services.billing.invoicing.commands import Commands
from services.billing.invoicing.parties import Customer
from services.billing.invoicing.records import Records
from services.billing.invoicing.store import Books
from services.billing.pricing.book import EXAMPLE, read_prices
from services.billing.usage.daily import DailyUsages
from services.billing.usage.entry import Charge
from shared.clock import ManualClock
from shared.ids import AccountId
from shared.money.periods import Month, begins_at, moved
from shared.stores.mongodb import MongoStore
from tests.integration.billing.outbox import Outbox
from tests.unit.billing.building import charge
from tests.unit.billing.invoices import CUSTOMER, SELLER

PRICES = read_prices(EXAMPLE)
OCTOBER, NOVEMBER = Month("2026-10"), Month("2026-11")
FIRST_OF_NOVEMBER = datetime(2026, 11, 1, 7, 0, tzinfo=UTC)
FIRST_OF_DECEMBER = datetime(2026, 12, 1, 7, 0, tzinfo=UTC)
IN_OCTOBER = datetime(2026, 10, 12, 8, 0, tzinfo=UTC)


def customer(name: str, *accounts: str) -> Customer:
    ids = tuple(AccountId(account) for account in accounts)
    return msgspec.structs.replace(CUSTOMER, customer_id=name, plan="standard", accounts=ids)


def used(account: str, numbers: range, parts: int = 1, at: datetime = IN_OCTOBER) -> list[Charge]:
    one = msgspec.structs.replace(charge(account=AccountId(account), parts=parts), accepted_at=at)
    return [msgspec.structs.replace(one, message_id=charge(number).message_id) for number in numbers]


class Office:
    """The books of one test, and everybody who works on them."""

    def __init__(self, mongo: MongoStore, outbox: Outbox) -> None:
        self.mongo = mongo
        self.outbox = outbox
        self.clock = ManualClock(FIRST_OF_NOVEMBER)
        self.prices = PRICES
        self.seller = SELLER

    @property
    def records(self) -> Records:
        return Records.of(self.mongo, self.clock)

    @property
    def books(self) -> Books:
        return self.records.books

    @property
    def commands(self) -> Commands:
        return Commands(self.records, self.prices, self.clock)

    async def open(self, *customers: Customer) -> None:
        await self.records.prepare()
        for one in customers:
            await self.put(one)

    async def put(self, one: Customer) -> None:
        await self.records.customers.put(one, lambda _, __: self.entry())

    def entry(self) -> AuditEntry:
        return AuditEntry(at=self.clock.now(), actor="0123456789abcdef", action="test", subject="test")

    async def use(self, *charges: list[Charge]) -> None:
        for some in charges:
            await self.records.ledger.record(some, self.clock.now())

    def closer(self) -> Closer:
        """A process that knows nothing of what others did."""
        records, send = self.records, self.outbox.send
        tell_usage = DailyUsages(records.sums, send).look
        return Closer(records, send, self.clock, self.prices, self.seller, tell_usage=tell_usage)

    async def ask(self, period: Month) -> Closing:
        asked = Closing(
            period=period,
            state=ClosingState.REQUESTED,
            requested_at=self.clock.now(),
            requested_by="0123456789abcdef",
        )
        return await self.records.closings.request(asked, self.entry())

    async def close(self, period: Month) -> Closing:
        await self.ask(period)
        while await self.closer().step():
            pass
        return await self.closing(period)

    async def close_at(self, period: Month) -> Closing:
        """Close a month on the first day of the next."""
        self.clock = ManualClock(begins_at(moved(period, 1)))
        return await self.close(period)

    async def closing(self, period: Month) -> Closing:
        found = await self.records.closings.of(period)
        assert found is not None
        return found

    async def documents(self) -> list[bytes]:
        return [one.document for one in await self.books.invoices()]

    def told(self) -> list[tuple[str, dict[str, Any]]]:
        """Topic and content of each different event, in the order in which it was first told."""
        events = {dict(one.headers)["ce_id"]: one for one in self.outbox.sent}
        assert {(one.headers, one.value) for one in self.outbox.sent} == {
            (one.headers, one.value) for one in events.values()
        }
        return [(one.topic, msgspec.json.decode(one.value or b"")) for one in events.values()]
