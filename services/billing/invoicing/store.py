"""All queries of the books, and the indexes that they need.

customers   _id (customer id), the members of `Customer`
closings    _id (month), the members of `Closing`
bookings    _id (booking id), the members of `Booking`; added and never changed
invoices    _id (number), the members of `Issued`; added and never changed
finance_audit   the members of `AuditEntry`; added and never changed
counters    _id "invoice", last: the highest number that was given
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec
from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import DuplicateKeyError

from services.billing.database import translated
from services.billing.invoicing.audit import AuditEntry
from services.billing.invoicing.booking import Booking
from services.billing.invoicing.closing import NEXT, WORKED_ON, Closing, ClosingState
from services.billing.invoicing.document import Invoice
from services.billing.invoicing.parties import Customer
from services.billing.rows import in_transaction
from shared.errors import Fatal, Refused
from shared.ids import AccountId
from shared.money.periods import Day, Month
from shared.stores.mongodb import Document, MongoStore

S = TypeVar("S", bound=msgspec.Struct)

_NATIVE: Final = (bytes, datetime)
_INVOICE: Final = {"_id": "invoice"}

INDEXES: Final = {
    "customers": (IndexModel([("accounts", ASCENDING)], name="accounts", unique=True),),
    "bookings": (
        IndexModel([("period", ASCENDING), ("customer_id", ASCENDING)], name="period_customer"),
        IndexModel([("account_id", ASCENDING), ("day", ASCENDING)], name="account_day"),
    ),
    "invoices": (
        IndexModel([("period", ASCENDING), ("customer_id", ASCENDING)], name="period_customer", unique=True),
        IndexModel([("accounts", ASCENDING), ("_id", DESCENDING)], name="accounts"),
    ),
}
"""`accounts` of customers: an account is one customer's. `period_customer` of invoices: a month is invoiced once."""


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

    def __init__(self, mongo: MongoStore) -> None:
        self._mongo = mongo

    async def prepare(self) -> None:
        """Make the indexes; a repeat is nothing."""
        async with translated():
            for name, indexes in INDEXES.items():
                await self._of(name).create_indexes(list(indexes))

    async def put_customer(self, customer: Customer, entry: AuditEntry) -> None:
        """Set a customer's record. Raises `Refused` (`account_taken`) when an account is another customer's."""

        async def act(session: AsyncClientSession) -> None:
            try:
                await self._of("customers").replace_one(
                    {"_id": customer.customer_id}, _row(customer, "customer_id"), upsert=True, session=session
                )
            except DuplicateKeyError:
                raise Refused("account_taken", "an account is another customer's already") from None
            await self._of("finance_audit").insert_one(_row(entry), session=session)

        await in_transaction(self._mongo, act)

    async def customer(self, customer_id: str) -> Customer | None:
        """One customer."""
        async with translated():
            row = await self._of("customers").find_one({"_id": customer_id})
        return None if row is None else _value(row, Customer, "customer_id")

    async def customers(self) -> list[Customer]:
        """All, by id."""
        async with translated():
            rows = await self._of("customers").find().sort("_id").to_list(None)
        return [_value(row, Customer, "customer_id") for row in rows]

    async def request(self, closing: Closing, entry: AuditEntry) -> Closing:
        """Put a request on record, and return what is there: a month has one close, whoever asks for it again.

        A refused one is replaced.
        """

        async def act(session: AsyncClientSession) -> Closing:
            row = await self._of("closings").find_one({"_id": closing.period}, session=session)
            if row is not None and row["state"] != ClosingState.REFUSED:
                return _value(row, Closing)
            await self._of("closings").replace_one({"_id": closing.period}, _row(closing), upsert=True, session=session)
            await self._of("finance_audit").insert_one(_row(entry), session=session)
            return closing

        return await in_transaction(self._mongo, act)

    async def audit(self, *, limit: int = 100) -> list[AuditEntry]:
        """What finance did last, newest first."""
        async with translated():
            rows = (
                await self._of("finance_audit").find({}, {"_id": 0}).sort("_id", DESCENDING).limit(limit).to_list(None)
            )
        return [_value(row, AuditEntry) for row in rows]

    async def closings(self, *, limit: int = 100) -> list[Closing]:
        """The newest, newest first."""
        async with translated():
            rows = await self._of("closings").find().sort("_id", DESCENDING).limit(limit).to_list(None)
        return [_value(row, Closing) for row in rows]

    async def last_period(self) -> Month | None:
        """The newest month that is closed or being closed, however many later ones were refused. There are few: no
        index.
        """
        asked = {"state": {"$ne": ClosingState.REFUSED}}
        async with translated():
            row = await self._of("closings").find_one(asked, {"_id": 1}, sort=[("_id", DESCENDING)])
        return None if row is None else Month(row["_id"])

    async def closing(self, period: Month) -> Closing | None:
        """One."""
        async with translated():
            row = await self._of("closings").find_one({"_id": period})
        return None if row is None else _value(row, Closing)

    async def to_work_on(self) -> Closing | None:
        """The oldest that is not at its end. There are few closings: no index."""
        async with translated():
            row = await self._of("closings").find_one({"state": {"$in": list(WORKED_ON)}}, sort=[("_id", ASCENDING)])
        return None if row is None else _value(row, Closing)

    async def advance(self, before: Closing, state: ClosingState, **members: object) -> bool:
        """Take one step, unless somebody else took it: then False."""
        if state not in NEXT[before.state]:
            raise Fatal("illegal_move", f"a close that is {before.state} does not become {state}")
        after = msgspec.structs.replace(before, state=state, **members)
        async with translated():
            result = await self._of("closings").replace_one({"_id": before.period, "state": before.state}, _row(after))
        return result.matched_count == 1

    async def bookings(self, period: Month, customer_id: str | None = None) -> list[Booking]:
        """The books of a month, of one customer or of all, by id."""
        query: Document = {"period": period}
        if customer_id is not None:
            query["customer_id"] = customer_id
        async with translated():
            rows = await self._of("bookings").find(query).sort("_id").to_list(None)
        return [_value(row, Booking) for row in rows]

    async def booked(self, accounts: Collection[AccountId], first: Day, before: Month) -> list[Booking]:
        """What months before one have booked of these accounts, of days from `first` on."""
        query = {"account_id": {"$in": list(accounts)}, "day": {"$gte": first}, "period": {"$lt": before}}
        async with translated():
            rows = await self._of("bookings").find(query).to_list(None)
        return [_value(row, Booking) for row in rows]

    async def book(self, closing: Closing, bookings: Sequence[Booking]) -> bool:
        """Add bookings to a month that is claimed, those that are there already left out; False when it no longer is.

        One transaction with the close: after `booked`, nobody adds any.
        """

        async def act(session: AsyncClientSession) -> bool:
            touched = await self._of("closings").update_one(
                {"_id": closing.period, "state": ClosingState.CLAIMED}, {"$inc": {"turns": 1}}, session=session
            )
            if not touched.matched_count:
                return False
            ids = [one.booking_id for one in bookings]
            there = self._of("bookings").find({"_id": {"$in": ids}}, {"_id": 1}, session=session)
            known = {row["_id"] for row in await there.to_list(None)}
            new = [_row(one) for one in bookings if one.booking_id not in known]
            if new:
                await self._of("bookings").insert_many(new, session=session)
            return True

        return await in_transaction(self._mongo, act) if bookings else True

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
                return _value(found, Issued)
            counter = await self._of("counters").find_one(_INVOICE, session=session)
            number = first_number if counter is None else counter["last"] + 1
            issued = make(number)
            await self._of("counters").replace_one(_INVOICE, {**_INVOICE, "last": number}, upsert=True, session=session)
            await self._of("invoices").insert_one(_row(issued), session=session)
            return issued

        return await in_transaction(self._mongo, act)

    async def invoices(
        self, *, period: Month | None = None, account: AccountId | None = None, limit: int = 0
    ) -> list[Issued]:
        """Of a month or an account or all; newest first when of an account, else by number."""
        query: Document = {}
        if period is not None:
            query["period"] = period
        if account is not None:
            query["accounts"] = account
        async with translated():
            found = self._of("invoices").find(query).sort("_id", ASCENDING if account is None else DESCENDING)
            rows = await found.limit(limit).to_list(None)
        return [_value(row, Issued) for row in rows]

    async def invoice(self, number: int, account: AccountId | None = None) -> Issued | None:
        """One; with an account, only if it may read it."""
        query: Document = {"_id": number}
        if account is not None:
            query["accounts"] = account
        async with translated():
            row = await self._of("invoices").find_one(query)
        return None if row is None else _value(row, Issued)

    def _of(self, name: str) -> AsyncCollection[Document]:
        return self._mongo.database[name]


def _row(value: msgspec.Struct, key: str | None = None) -> Document:
    row: Document = msgspec.to_builtins(value, builtin_types=_NATIVE)
    if key is not None:
        row["_id"] = row.pop(key)
    return row


def _value(row: dict[str, Any], kind: type[S], key: str | None = None) -> S:
    if key is not None:
        row[key] = row.pop("_id")
    row.pop("turns", None)
    try:
        return msgspec.convert(row, kind, builtin_types=_NATIVE)
    except msgspec.ValidationError as error:
        # Whoever wrote this knew another shape: to go on could lose what it says.
        raise Fatal("unreadable_books", f"a row of the books cannot be read: {error}") from None
