"""All queries of bookings and invoices, and the indexes that they need.

bookings   _id (booking id), the members of `Booking`; added and never changed
invoices   _id (number), the members of `Issued`; added and never changed
counters   _id "invoice", last: the highest number that was given
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

import msgspec
from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection

from services.billing.database import translated
from services.billing.invoicing.booking import Booking, bookings_of
from services.billing.invoicing.closing import Closing, Figures
from services.billing.invoicing.closings import Closings
from services.billing.invoicing.document import Invoice
from services.billing.invoicing.drafting import Place
from services.billing.invoicing.parties import Customer
from services.billing.invoicing.rows import row_of, value_of
from services.billing.pricing.plans import Plan
from services.billing.rows import in_transaction
from services.billing.usage.sums import DailySums
from shared.ids import AccountId
from shared.money.periods import Month, first_day, last_day
from shared.stores.mongodb import Document, MongoStore

_INVOICE: Final = {"_id": "invoice"}
_BY_PLACE: Final[Document] = {
    "_id": {"month": {"$substrBytes": ["$day", 0, 7]}, "price_row": "$price_row", "account_id": "$account_id"},
    "parts": {"$sum": "$parts"},
}

INDEXES: Final = {
    "bookings": (
        IndexModel([("period", ASCENDING), ("customer_id", ASCENDING)], name="period_customer"),
        IndexModel([("account_id", ASCENDING), ("day", ASCENDING)], name="account_day"),
    ),
    "invoices": (
        IndexModel([("period", ASCENDING), ("customer_id", ASCENDING)], name="period_customer", unique=True),
        IndexModel([("period", ASCENDING), ("_id", ASCENDING)], name="period"),
        IndexModel([("accounts", ASCENDING), ("_id", DESCENDING)], name="accounts"),
    ),
}
"""`period_customer` of invoices: a month is invoiced once."""


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice as it was issued, with its document. `accounts` may read it."""

    number: int = msgspec.field(name="_id")
    period: Month
    customer_id: str
    accounts: tuple[AccountId, ...]
    invoice: Invoice
    document: bytes
    sha256: str


class Books:
    """Every method raises `TryLater` when the database does not answer."""

    def __init__(self, mongo: MongoStore, sums: DailySums, closings: Closings) -> None:
        self._mongo = mongo
        self._sums = sums
        self._closings = closings

    async def prepare(self) -> None:
        """Make the indexes; a repeat is nothing."""
        async with translated():
            for name, indexes in INDEXES.items():
                await self._of(name).create_indexes(list(indexes))

    async def book(self, closing: Closing, customer: Customer, plan: Plan, sums: Sequence[str]) -> bool:
        """Book what is open of these sums for a customer; False when the month is past that.

        One transaction with the sums and the close: what is booked is settled, and after `booked` nobody adds any.
        """

        async def act(session: AsyncClientSession) -> bool:
            if not await self._closings.hold(closing, session):
                return False
            settled = await self._sums.settle(sums, session, booked_in=closing.period)
            if new := bookings_of(closing.period, customer.customer_id, plan, settled):
                await self._of("bookings").insert_many([row_of(one) for one in new], session=session)
            return True

        return await in_transaction(self._mongo, act)

    async def bookings(self, period: Month, *, after: str = "", limit: int = 0) -> list[Booking]:
        """The books of a month, by id; ids begin with their month."""
        behind = {"_id": {"$gt": max(after, f"{period}:"), "$lt": f"{period};"}}
        async with translated():
            rows = await self._of("bookings").find(behind).sort("_id").limit(limit).to_list(None)
        return [value_of(row, Booking) for row in rows]

    async def places(self, period: Month, customer_id: str) -> Counter[Place]:
        """How many parts the books of a month hold of a customer, at each place."""
        return await self._places({"period": period, "customer_id": customer_id})

    async def places_before(
        self, accounts: Collection[AccountId], months: Collection[Month], before: Month
    ) -> Counter[Place]:
        """How many parts the books of months before one hold of these accounts in these months, at each place."""
        found: Counter[Place] = Counter()
        for month in months:
            days = {"$gte": first_day(month).isoformat(), "$lte": last_day(month).isoformat()}
            found += await self._places({"account_id": {"$in": list(accounts)}, "day": days, "period": {"$lt": before}})
        return found

    async def issue(
        self, period: Month, customer: Customer, first_number: int, make: Callable[[int], Issued]
    ) -> Issued:
        """The invoice of a month to a customer: the one that is there, or a new one with the next number.

        Number and invoice are one transaction, so the series has no gap (bokføringsforskriften § 5-1-3).
        """

        async def act(session: AsyncClientSession) -> Issued:
            found = await self._of("invoices").find_one(
                {"period": period, "customer_id": customer.customer_id}, session=session
            )
            if found is not None:
                return value_of(found, Issued)
            number = await self._next_number(first_number, session)
            issued = make(number)
            await self._of("counters").replace_one(_INVOICE, {**_INVOICE, "last": number}, upsert=True, session=session)
            await self._of("invoices").insert_one(row_of(issued), session=session)
            return issued

        return await in_transaction(self._mongo, act)

    async def next_number(self, first_number: int) -> int:
        """What the next invoice has, if nobody issues one meanwhile."""
        async with translated():
            return await self._next_number(first_number)

    async def invoices(self, *, period: Month | None = None, after: int = 0, limit: int = 0) -> list[Issued]:
        """Of a month or all, by number."""
        behind = {"_id": {"$gt": after}}
        if period is None:
            return await self._invoices(behind, [("_id", ASCENDING)], limit)
        # By the index of the period for certain: that of numbers would read all before it.
        return await self._invoices({"period": period, **behind}, [("period", ASCENDING), ("_id", ASCENDING)], limit)

    async def invoices_of(self, account: AccountId, *, behind: int | None = None, limit: int = 0) -> list[Issued]:
        """What an account may read, newest first."""
        query: Document = {"accounts": account}
        if behind is not None:
            query["_id"] = {"$lt": behind}
        return await self._invoices(query, [("_id", DESCENDING)], limit)

    async def invoice(self, number: int, account: AccountId | None = None) -> Issued | None:
        """One; with an account, only if it may read it."""
        query: Document = {"_id": number}
        if account is not None:
            query["accounts"] = account
        async with translated():
            row = await self._of("invoices").find_one(query)
        return None if row is None else value_of(row, Issued)

    async def figures(self, period: Month) -> Figures:
        """What the books of a month come to; the database adds up."""
        booked = await self._sum("bookings", period, {"messages": "$messages", "parts": "$parts"})
        amounts = {name: f"$invoice.amounts.{name}" for name in ("net", "vat", "total")}
        issued = await self._sum("invoices", period, amounts)
        counts = {"bookings": booked.pop("rows", 0), "invoices": issued.pop("rows", 0)}
        return msgspec.convert({**counts, **booked, **issued}, Figures)

    async def _next_number(self, first_number: int, session: AsyncClientSession | None = None) -> int:
        counter = await self._of("counters").find_one(_INVOICE, session=session)
        return first_number if counter is None else int(counter["last"]) + 1

    async def _places(self, query: Document) -> Counter[Place]:
        async with translated():
            rows = await (await self._of("bookings").aggregate([{"$match": query}, {"$group": _BY_PLACE}])).to_list()
        return Counter({Place(**row["_id"]): row["parts"] for row in rows})

    async def _invoices(self, query: Document, order: list[tuple[str, int]], limit: int) -> list[Issued]:
        async with translated():
            rows = await self._of("invoices").find(query).sort(order).limit(limit).to_list(None)
        return [value_of(row, Issued) for row in rows]

    async def _sum(self, collection: str, period: Month, members: dict[str, str]) -> dict[str, int]:
        group = {name: {"$sum": member} for name, member in members.items()}
        stages: list[Document] = [
            {"$match": {"period": period}},
            {"$group": {"_id": None, "rows": {"$sum": 1}, **group}},
        ]
        async with translated():
            rows: list[dict[str, Any]] = await (await self._of(collection).aggregate(stages)).to_list()
        return {name: value for row in rows for name, value in row.items() if name != "_id"}

    def _of(self, name: str) -> AsyncCollection[Document]:
        return self._mongo.database[name]
