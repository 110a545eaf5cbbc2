"""All that the service keeps of usage and invoices, put together for whoever works with it."""

from __future__ import annotations

from typing import Self

import msgspec

from services.billing.invoicing.audit import Audit
from services.billing.invoicing.closings import Closings
from services.billing.invoicing.customers import Customers
from services.billing.invoicing.store import Books
from services.billing.invoicing.write_off import WriteOffs
from services.billing.usage.store import UsageStore
from services.billing.usage.sums import DailySums
from shared.clock import Clock
from shared.stores.mongodb import MongoStore


class Records(msgspec.Struct, frozen=True):
    """One database's."""

    ledger: UsageStore
    sums: DailySums
    audit: Audit
    closings: Closings
    customers: Customers
    books: Books
    write_offs: WriteOffs

    @classmethod
    def of(cls, mongo: MongoStore, clock: Clock) -> Self:
        """Nothing is asked of the database yet."""
        ledger, audit = UsageStore(mongo), Audit(mongo)
        sums, closings = DailySums(mongo, ledger, clock), Closings(mongo, audit)
        return cls(
            ledger=ledger,
            sums=sums,
            audit=audit,
            closings=closings,
            customers=Customers(mongo, closings, audit),
            books=Books(mongo, sums, closings),
            write_offs=WriteOffs(mongo, sums, audit),
        )

    async def prepare(self) -> None:
        """Make all collections and their indexes; a repeat is nothing."""
        for one in (self.ledger, self.sums, self.audit, self.closings, self.customers, self.books, self.write_offs):
            await one.prepare()
