"""All queries of the usage ledger, and the indexes that they need.

usage           _id (message id, or message id and part), the members of `Entry`; rows are added and never changed, but
                that an erasure takes the pseudonym out (`services.billing.privacy`)
usage_touched   _id, days (`<account id>:<day>`): rows were added that may be in no daily sum yet. A row per batch, for
                to mark each day by itself cost a fifth of the role's time (measured)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Final

import msgspec
from bson import ObjectId
from pymongo import ASCENDING, IndexModel
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError

from services.billing.database import DUPLICATE_KEY, translated
from services.billing.usage.entry import Charge, Entry, first_entry, later_entries
from shared.contracts.words import Category
from shared.ids import AccountId, MessageId
from shared.money.periods import Day, day_of
from shared.stores.mongodb import Document, MongoStore

_NATIVE: Final = (bytes, datetime)

INDEXES: Final = (
    IndexModel([("account_id", ASCENDING), ("day", ASCENDING)], name="account_day"),
    IndexModel([("pseudonym", ASCENDING)], name="person", sparse=True),
    IndexModel(
        [("account_id", ASCENDING), ("day", ASCENDING)],
        name="unfreed",
        partialFilterExpression={"pseudonym": {"$type": "string"}},
    ),
)
"""`account_day`: sums by day. `person`: to erase somebody. `unfreed`: to purge an account's rows by age, of which all
that were freed before are left out.
"""


class Touched(msgspec.Struct, frozen=True):
    """Days of accounts of which rows were added, and the marks that say so."""

    days: dict[Day, list[AccountId]]
    marks: list[ObjectId]


class Total(msgspec.Struct, frozen=True):
    """What an account used on one day with one operator, in one country and category."""

    account_id: AccountId
    day: Day
    operator: str
    country: str
    category: Category
    messages: int
    parts: int

    @property
    def usage_id(self) -> str:
        """The name of what is summed, the same whatever the sums are."""
        return f"{self.account_id}:{self.day}:{self.operator}:{self.country}:{self.category}"


class UsageStore:
    """The collection `usage`. Every method raises `TryLater` when the database does not answer."""

    def __init__(self, mongo: MongoStore) -> None:
        self._mongo = mongo

    @property
    def _usage(self) -> AsyncCollection[Document]:
        return self._mongo.database["usage"]

    @property
    def _touched(self) -> AsyncCollection[Document]:
        return self._mongo.database["usage_touched"]

    async def prepare(self) -> None:
        """Make the collections and the indexes; a repeat is nothing."""
        async with translated():
            await self._mongo.make_collections("usage_touched")
            await self._usage.create_indexes(list(INDEXES))

    async def record(self, charges: Sequence[Charge], at: datetime) -> int:
        """Add the rows that these charges, of one message each, call for, and return how many were new.

        Idempotent by message id and part. A repeat costs a refusal of its row; who knows of it leaves it out. Their
        days are marked once the rows are there, repeats too: whoever wrote those may have died before the mark.
        """
        async with translated():
            known = await self._insert([first_entry(charge, at) for charge in charges])
            repeated = [charges[index] for index in known]
            added = len(charges) - len(known)
            if more := [charge for charge in repeated if charge.parts > 1]:
                first = await self._parts_of([charge.message_id for charge in more])
                later = [
                    entry
                    for charge in more
                    for entry in later_entries(charge, first.get(charge.message_id, charge.parts), at)
                ]
                added += len(later) - len(await self._insert(later))
            await self._touch({f"{charge.account_id}:{day_of(charge.accepted_at)}" for charge in charges})
        return added

    async def touched(self, *, limit: int) -> Touched:
        """The days of some marks, each with its accounts."""
        async with translated():
            rows = await self._touched.find().limit(limit).to_list(None)
        found: defaultdict[Day, list[AccountId]] = defaultdict(list)
        for one in sorted({one for row in rows for one in row["days"]}):
            account, _, day = one.rpartition(":")
            found[Day(day)].append(AccountId(account))
        return Touched(dict(sorted(found.items())), [row["_id"] for row in rows])

    async def summed(self, touched: Touched) -> None:
        """The rows that were there when these marks were read are in the sums."""
        async with translated():
            await self._touched.delete_many({"_id": {"$in": touched.marks}})

    async def totals(self, accounts: Collection[AccountId], first: Day, last: Day) -> list[Total]:
        """The sums of these accounts over these days, both included, in the order of their names."""
        group = {name: f"${name}" for name in ("account_id", "day", "operator", "country", "category")}
        stages: list[Document] = [
            {"$match": {"account_id": {"$in": sorted(accounts)}, "day": {"$gte": first, "$lte": last}}},
            {"$group": {"_id": group, "messages": {"$sum": "$messages"}, "parts": {"$sum": "$parts"}}},
        ]
        async with translated():
            rows = await (await self._usage.aggregate(stages, allowDiskUse=True)).to_list(None)
        totals = [
            msgspec.convert({**row["_id"], "messages": row["messages"], "parts": row["parts"]}, Total) for row in rows
        ]
        return sorted(totals, key=lambda total: total.usage_id)

    async def _touch(self, days: Collection[str]) -> None:
        if days:
            await self._touched.insert_one({"days": sorted(days)})

    async def _insert(self, entries: Iterable[Entry]) -> list[int]:
        """Add rows; the places of those that were there already."""
        documents = [msgspec.to_builtins(entry, builtin_types=_NATIVE) for entry in entries]
        if not documents:
            return []
        try:
            await self._usage.insert_many(documents, ordered=False)
        except BulkWriteError as error:
            faults = error.details["writeErrors"]
            if error.details.get("writeConcernErrors") or any(fault["code"] != DUPLICATE_KEY for fault in faults):
                raise
            return [fault["index"] for fault in faults]
        return []

    async def _parts_of(self, ids: Sequence[MessageId]) -> dict[MessageId, int]:
        """How many parts the first rows of these messages have."""
        rows = await self._usage.find({"_id": {"$in": list(ids)}}, {"parts": 1}, batch_size=len(ids) + 1).to_list(None)
        return {MessageId(row["_id"]): row["parts"] for row in rows}
