"""Usage that is never charged, because finance said so: what nobody pays for does not wait for ever, nor end unseen.

usage_write_offs   _id (write-off id), the members of `WriteOff`; added and never changed, but that they are told
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec
from pymongo import ASCENDING, IndexModel
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection

from services.billing.database import translated
from services.billing.invoicing.audit import Audit, AuditEntry
from services.billing.invoicing.rows import row_of, value_of
from services.billing.rows import in_transaction
from services.billing.usage.sums import Daily, DailySums
from shared.contracts.words import Category
from shared.ids import AccountId
from shared.money.periods import Day, Month, first_day, last_day
from shared.stores.mongodb import Document, MongoStore

_AT_ONCE: Final = 500
INDEX: Final = IndexModel(
    [("told", ASCENDING), ("_id", ASCENDING)], name="untold", partialFilterExpression={"told": False}
)


class WriteOff(msgspec.Struct, frozen=True):
    """So much of a daily sum, written off; `write_off_id` is `written-off:<usage id>:<version of the sum>`.

    Who did it and why is on the audit record. `told` is false until finance has it.
    """

    write_off_id: str = msgspec.field(name="_id")
    usage_id: str
    account_id: AccountId
    day: Day
    operator: str
    country: str
    category: Category
    messages: int
    parts: int
    at: datetime
    told: bool = False


def write_offs_of(sums: Sequence[Daily], at: datetime) -> list[WriteOff]:
    """What is not settled of these sums. Pure."""
    return [
        WriteOff(
            write_off_id=f"written-off:{one.usage_id}:{one.version}",
            usage_id=one.usage_id,
            account_id=one.total.account_id,
            day=one.total.day,
            operator=one.total.operator,
            country=one.total.country,
            category=one.total.category,
            messages=one.rest.messages,
            parts=one.rest.parts,
            at=at,
        )
        for one in sums
    ]


class WriteOffs:
    """Every method raises `TryLater` when the database does not answer."""

    def __init__(self, mongo: MongoStore, sums: DailySums, audit: Audit) -> None:
        self._mongo = mongo
        self._sums = sums
        self._audit = audit

    async def prepare(self) -> None:
        """Make the index; a repeat is nothing."""
        async with translated():
            await self._rows.create_indexes([INDEX])

    async def add(self, account: AccountId, month: Month, entry: AuditEntry) -> list[WriteOff]:
        """Write off what is open of a month of an account, some at a time: nothing when nothing is.

        One transaction with the sums and the entry, which says how much it was.
        """
        since, until = Day(first_day(month).isoformat()), Day(last_day(month).isoformat())

        async def act(session: AsyncClientSession) -> list[WriteOff]:
            ids = await self._sums.open_of([account], until, since=since, limit=_AT_ONCE, session=session)
            new = write_offs_of(await self._sums.settle(ids, session), entry.at)
            if new:
                await self._rows.insert_many([row_of(one) for one in new], session=session)
                counts = {"messages": sum(one.messages for one in new), "parts": sum(one.parts for one in new)}
                noted = msgspec.structs.replace(entry, after={**entry.after, **counts})
                await self._audit.write(noted, session)
            return new

        return await in_transaction(self._mongo, act)

    async def untold(self) -> list[WriteOff]:
        """Some that finance does not have."""
        async with translated():
            rows = await self._rows.find({"told": False}).sort("_id").limit(_AT_ONCE).to_list(None)
        return [value_of(row, WriteOff) for row in rows]

    async def mark_told(self, told: Sequence[WriteOff]) -> None:
        """Finance has these."""
        async with translated():
            await self._rows.update_many({"_id": {"$in": [one.write_off_id for one in told]}}, {"$set": {"told": True}})

    @property
    def _rows(self) -> AsyncCollection[Document]:
        return self._mongo.database["usage_write_offs"]
