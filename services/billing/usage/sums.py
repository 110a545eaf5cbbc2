"""Daily sums of the ledger, and how much of each is settled: all of its queries, and the indexes that they need.

daily_usage   _id (usage id), the members of `Daily`

A sum is open while more is known of it than is settled, that is in the books of a month or written off. It stays so
however old it is: whoever closes a month finds what is open by an index, and nothing falls out of reach.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any, Final

import msgspec
from pymongo import ASCENDING, IndexModel, UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError

from services.billing.database import DUPLICATE_KEY, translated
from services.billing.usage.store import Total, UsageStore
from shared.clock import Clock
from shared.ids import AccountId
from shared.money.periods import Day, Month, month_of_day
from shared.stores.mongodb import Document, MongoStore

AT_ONCE: Final = 200
MARKS_AT_ONCE: Final = 2000
BEFORE_ALL: Final = Day("2000-01-01")
_NATIVE: Final = (datetime,)
_OPEN: Final[Document] = {"open": True}

INDEXES: Final = (
    IndexModel([("told", ASCENDING), ("_id", ASCENDING)], name="untold", partialFilterExpression={"told": False}),
    IndexModel([("total.account_id", ASCENDING), ("total.day", ASCENDING)], name="open", partialFilterExpression=_OPEN),
)


class Settled(msgspec.Struct, frozen=True):
    """How much of a sum is in the books of a month, or written off."""

    messages: int = 0
    parts: int = 0


class Daily(msgspec.Struct, frozen=True):
    """A sum. `told` is false until finance has this version; `booked_in` is the month whose books took of it last."""

    usage_id: str = msgspec.field(name="_id")
    version: int
    total: Total
    changed_at: datetime
    told: bool = False
    open: bool = True
    settled: Settled = Settled()
    booked_in: Month | None = None

    @property
    def rest(self) -> Settled:
        """What is not settled."""
        return Settled(self.total.messages - self.settled.messages, self.total.parts - self.settled.parts)


class Waiting(msgspec.Struct, frozen=True):
    """What is open of a month of an account."""

    account_id: AccountId
    month: Month
    messages: int
    parts: int


class DailySums:
    """Every method raises `TryLater` when the database does not answer."""

    def __init__(self, mongo: MongoStore, ledger: UsageStore, clock: Clock) -> None:
        self._mongo = mongo
        self._ledger = ledger
        self._clock = clock

    async def prepare(self) -> None:
        """Make the indexes; a repeat is nothing."""
        async with translated():
            await self._daily.create_indexes(list(INDEXES))

    async def refresh(self) -> int:
        """Sum anew every day of which rows were added; returns how many sums changed. Anybody may, at any time."""
        changed = 0
        while (touched := await self._ledger.touched(limit=MARKS_AT_ONCE)).marks:
            for day, accounts in touched.days.items():
                for start in range(0, len(accounts), AT_ONCE):
                    changed += await self._sum(day, accounts[start : start + AT_ONCE])
            await self._ledger.summed(touched)
        return changed

    async def untold(self, limit: int) -> list[Daily]:
        """Sums of which finance does not have the last version."""
        return await self._find({"told": False}, limit)

    async def mark_told(self, sums: Sequence[Daily]) -> None:
        """Finance has these versions."""
        writes = [UpdateOne({"_id": one.usage_id, "version": one.version}, {"$set": {"told": True}}) for one in sums]
        async with translated():
            await self._daily.bulk_write(writes, ordered=False)

    async def open_of(
        self,
        accounts: Collection[AccountId],
        until: Day,
        *,
        limit: int,
        since: Day = BEFORE_ALL,
        beside: Month | None = None,
        session: AsyncClientSession | None = None,
    ) -> list[str]:
        """The ids of open sums of accounts, of days from `since` to `until`, that the books of month `beside` do not
        have yet.
        """
        days = {"$gte": since, "$lte": until}
        query: Document = {**_OPEN, "total.account_id": {"$in": list(accounts)}, "total.day": days}
        query |= {"booked_in": {"$ne": beside}} if beside else {}
        async with translated():
            rows = await self._daily.find(query, {"_id": 1}, session=session).limit(limit).to_list(None)
        return [row["_id"] for row in rows]

    async def open_months(self, accounts: Collection[AccountId], *, before: date) -> set[Month]:
        """The months of open sums of accounts, of days before one."""
        query = {**_OPEN, "total.account_id": {"$in": list(accounts)}, "total.day": {"$lt": before.isoformat()}}
        async with translated():
            days = await self._daily.distinct("total.day", query)
        return {month_of_day(Day(day)) for day in days}

    async def open_accounts(self, until: Day) -> list[AccountId]:
        """Accounts with open sums of days until then, by id."""
        stages = [{"$match": {**_OPEN, "total.day": {"$lte": until}}}, {"$group": {"_id": "$total.account_id"}}]
        async with translated():
            rows = await (await self._daily.aggregate(stages)).to_list(None)
        return sorted(AccountId(row["_id"]) for row in rows)

    async def waiting(self, until: Day, *, after: tuple[str, str] = ("", ""), limit: int) -> list[Waiting]:
        """What is open of days until then, by account and month, behind a place in that order."""
        month = {"$substrBytes": ["$total.day", 0, 7]}
        group: Document = {
            "_id": {"account_id": "$total.account_id", "month": month},
            **{name: {"$sum": {"$subtract": [f"$total.{name}", f"$settled.{name}"]}} for name in ("messages", "parts")},
        }
        account, last = after
        behind = {"$or": [{"_id.account_id": {"$gt": account}}, {"_id.month": {"$gt": last}}]}
        stages: list[Document] = [
            {"$match": {**_OPEN, "total.account_id": {"$gte": account}, "total.day": {"$lte": until}}},
            {"$group": group},
            {"$match": behind},
            {"$sort": {"_id.account_id": ASCENDING, "_id.month": ASCENDING}},
            {"$limit": limit},
        ]
        async with translated():
            rows = await (await self._daily.aggregate(stages)).to_list(None)
        return [Waiting(**row["_id"], messages=row["messages"], parts=row["parts"]) for row in rows]

    async def settle(
        self, ids: Sequence[str], session: AsyncClientSession, *, booked_in: Month | None = None
    ) -> list[Daily]:
        """Settle what is open of these within a transaction, and return them as they were: the caller records it.

        Of two that settle the same sum at once one waits and finds it settled. What the books of `booked_in` have
        already is left open: a month takes of a sum once.
        """
        query = {"_id": {"$in": list(ids)}, **_OPEN}
        query |= {"booked_in": {"$ne": booked_in}} if booked_in else {}
        found = [_read(row) for row in await self._daily.find(query, session=session).sort("_id").to_list(None)]
        writes = []
        for one in found:
            settled = {"messages": one.total.messages, "parts": one.total.parts}
            change: dict[str, Any] = {"open": False, "settled": settled}
            change |= {"booked_in": booked_in} if booked_in else {}
            writes.append(UpdateOne({"_id": one.usage_id}, {"$set": change}))
        if writes:
            await self._daily.bulk_write(writes, ordered=False, session=session)
        return found

    async def _sum(self, day: Day, accounts: Sequence[AccountId]) -> int:
        """Sum one day of accounts, again while others write the same."""
        changed, all_written = 0, False
        while not all_written:
            written, all_written = await self._keep(await self._ledger.totals(accounts, day, day))
            changed += written
        return changed

    async def _keep(self, totals: Sequence[Total]) -> tuple[int, bool]:
        """Write the sums that have grown, each as its next version: how many, and whether nobody came between.

        The ledger only grows, so of two sums the larger one is the later: one that was read before another was
        written does not take that back.
        """
        found = await self._find({"_id": {"$in": [total.usage_id for total in totals]}})
        before = {daily.usage_id: daily for daily in found}
        now, writes = self._clock.now(), []
        for total in totals:
            known = before.get(total.usage_id)
            if known is not None and total.parts <= known.total.parts:
                continue
            version = 0 if known is None else known.version
            change = {"version": version + 1, "total": msgspec.to_builtins(total), "changed_at": now}
            update = {
                "$set": {**change, "told": False, "open": True},
                "$setOnInsert": {"settled": msgspec.to_builtins(Settled()), "booked_in": None},
            }
            writes.append(UpdateOne({"_id": total.usage_id, "version": version}, update, upsert=True))
        if not writes:
            return 0, True
        async with translated():
            try:
                await self._daily.bulk_write(writes, ordered=False)
            except BulkWriteError as error:
                faults = error.details["writeErrors"]
                if any(fault["code"] != DUPLICATE_KEY for fault in faults):
                    raise
                return len(writes) - len(faults), False
        return len(writes), True

    async def _find(self, query: Document, limit: int = 0) -> list[Daily]:
        async with translated():
            rows = await self._daily.find(query).sort("_id").limit(limit).to_list(None)
        return [_read(row) for row in rows]

    @property
    def _daily(self) -> AsyncCollection[Document]:
        return self._mongo.database["daily_usage"]


def _read(row: Document) -> Daily:
    return msgspec.convert(row, Daily, builtin_types=_NATIVE)
