"""All queries of customers, and the indexes that they need.

customers           _id (customer id), turn, the members of `Customer`
customer_versions   _id (customer id and turn), customer_id, turn, value: records as they were before they were changed
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from typing import Final

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import DuplicateKeyError

from services.billing.database import translated
from services.billing.invoicing.audit import Audit, AuditEntry
from services.billing.invoicing.closings import Closings
from services.billing.invoicing.parties import Customer
from services.billing.invoicing.rows import next_turn, row_of, value_of
from services.billing.rows import in_transaction
from shared.errors import Refused
from shared.ids import AccountId
from shared.money.periods import Month
from shared.stores.mongodb import Document, MongoStore

INDEXES: Final = {
    "customers": IndexModel([("accounts", ASCENDING)], name="accounts", unique=True),
    "customer_versions": IndexModel([("customer_id", ASCENDING), ("turn", DESCENDING)], name="customer_turn"),
}
"""`accounts`: an account is one customer's."""

Check = Callable[[Customer | None, Month | None], AuditEntry]
"""From a record as it is, and the newest month that is closed or being closed, to the note; may raise `Refused`."""

_AT_ONCE: Final = 100


class Customers:
    """Every method raises `TryLater` when the database does not answer."""

    def __init__(self, mongo: MongoStore, closings: Closings, audit: Audit) -> None:
        self._mongo = mongo
        self._closings = closings
        self._audit = audit

    async def prepare(self) -> None:
        """Make the indexes; a repeat is nothing."""
        async with translated():
            for name, index in INDEXES.items():
                await self._mongo.database[name].create_indexes([index])

    async def put(self, customer: Customer, check: Check) -> None:
        """Set a customer's record, in turn with closes that are asked for.

        Raises `Refused`: `account_taken` when an account is another customer's, and what `check` refuses.
        """

        async def act(session: AsyncClientSession) -> None:
            turn = await next_turn(self._mongo, session)
            before = await self._customers.find_one({"_id": customer.customer_id}, session=session)
            known = None if before is None else _customer(before)
            entry = check(known, await self._closings.last_period(session))
            if before is not None:
                old = {"_id": f"{customer.customer_id}:{before['turn']}", "customer_id": customer.customer_id}
                await self._versions.insert_one({**old, "turn": before["turn"], "value": before}, session=session)
            row = {**row_of(customer, "customer_id"), "turn": turn}
            try:
                await self._customers.replace_one({"_id": customer.customer_id}, row, upsert=True, session=session)
            except DuplicateKeyError:
                raise Refused("account_taken", "an account is another customer's already") from None
            await self._audit.write(entry, session)

        await in_transaction(self._mongo, act)

    async def of(self, customer_id: str) -> Customer | None:
        """One."""
        async with translated():
            row = await self._customers.find_one({"_id": customer_id})
        return None if row is None else _customer(row)

    async def page(self, *, after: str = "", limit: int = _AT_ONCE) -> list[Customer]:
        """By id."""
        return [_customer(row) for row in await self._page(after, limit)]

    async def payers(self, accounts: Collection[AccountId]) -> dict[AccountId, str]:
        """The customers that pay for these accounts, by account."""
        wanted = {"accounts": {"$in": list(accounts)}}
        async with translated():
            rows = await self._customers.find(wanted, {"accounts": 1}).to_list(None)
        return {account: row["_id"] for row in rows for account in row["accounts"] if account in set(accounts)}

    async def as_of(self, turn: int, *, after: str = "") -> AsyncIterator[list[Customer]]:
        """All by id, some at a time, as they were in a turn; that lists are never empty."""
        while rows := await self._page(after, _AT_ONCE):
            after = rows[-1]["_id"]
            found = [row if row["turn"] <= turn else await self._version(row["_id"], turn) for row in rows]
            if some := [_customer(row) for row in found if row is not None]:
                yield some

    async def _page(self, after: str, limit: int) -> list[Document]:
        async with translated():
            return await self._customers.find({"_id": {"$gt": after}}).sort("_id").limit(limit).to_list(None)

    async def _version(self, customer_id: str, turn: int) -> Document | None:
        """A record as it was in a turn; None when there was none yet."""
        query = {"customer_id": customer_id, "turn": {"$lte": turn}}
        async with translated():
            row = await self._versions.find_one(query, sort=[("turn", DESCENDING)])
        return None if row is None else row["value"]

    @property
    def _customers(self) -> AsyncCollection[Document]:
        return self._mongo.database["customers"]

    @property
    def _versions(self) -> AsyncCollection[Document]:
        return self._mongo.database["customer_versions"]


def _customer(row: Document) -> Customer:
    return value_of({name: value for name, value in row.items() if name != "turn"}, Customer, "customer_id")
