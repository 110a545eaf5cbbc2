"""The premium ledger in MongoDB: transactions, their entries, and all queries of both.

Entries are inserted and never changed. What an event leads to is one transaction of the database: what is known of the
charge, its entries, the refund that waits for it. So nothing is ever half booked, and a repeat finds it done.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from pymongo import ASCENDING, DESCENDING, IndexModel, ReplaceOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import BulkWriteError

from services.billing.database import DUPLICATE_KEY, translated
from services.billing.premium.booking import book
from services.billing.premium.entry import Entry, EntryKind
from services.billing.premium.refund import Refund, follow, refund_id
from services.billing.premium.statement import OpenTotal
from services.billing.premium.terms import TermsTable
from services.billing.premium.transaction import Standing, Transaction, charge_of, fold, leg_day
from services.billing.rows import from_row, in_transaction, to_row
from shared.contracts.premium import PremiumChanged, TransactionId
from shared.errors import BadRecord
from shared.ids import AccountId
from shared.money.periods import Day, Month
from shared.stores.mongodb import Document, MongoStore

TRANSACTIONS: Final = "premium_transactions"
ENTRIES: Final = "premium_entries"
REFUNDS: Final = "premium_refunds"
STATE: Final = "premium_state"

_BOOKS: Final = {"_id": "books"}
_NEVER: Final = Month("")

_INDEXES: Final = {
    TRANSACTIONS: (
        IndexModel([("account_id", ASCENDING), ("ordered_at", DESCENDING), ("_id", ASCENDING)], name="newest"),
        IndexModel([("ordered_at", DESCENDING), ("_id", ASCENDING)], name="newest_of_all"),
        IndexModel([("standing", ASCENDING), ("ordered_at", ASCENDING)], name="standing"),
        IndexModel([("days", ASCENDING), ("_id", ASCENDING)], name="day"),
        IndexModel(
            [("account_id", ASCENDING), ("pseudonym", ASCENDING), ("short_number", ASCENDING), ("day", ASCENDING)],
            name="bought",
        ),
    ),
    ENTRIES: (
        IndexModel([("month", ASCENDING), ("account_id", ASCENDING), ("merchant_id", ASCENDING)], name="month"),
        IndexModel([("transaction_id", ASCENDING)], name="transaction"),
        IndexModel([("cause", ASCENDING), ("kind", ASCENDING)], name="cause", unique=True),
    ),
}
"""`newest`: an account's, newest first; `newest_of_all`: for finance. `standing`: what is open. `day`: of a daily
file. `bought`: R-81. `month`: a statement. `cause`: one event books one thing once.
"""


class HeardEvent(msgspec.Struct, frozen=True):
    """An event with its id."""

    id: str
    event: PremiumChanged


class Found(msgspec.Struct, frozen=True):
    """What a batch led to."""

    entries: tuple[Entry, ...] = ()
    transactions: tuple[Transaction, ...] = ()


class Ledger:
    """Every method raises `TryLater` when the database does not answer."""

    def __init__(self, mongo: MongoStore, terms: TermsTable) -> None:
        self._mongo = mongo
        self._terms = terms

    async def prepare(self) -> None:
        """Make the indexes and the row that months are closed in; a repeat is nothing."""
        async with translated():
            for name, indexes in _INDEXES.items():
                await self._mongo.database[name].create_indexes(list(indexes))
            await self._mongo.database[STATE].update_one(_BOOKS, {"$setOnInsert": {"closed": _NEVER}}, upsert=True)

    async def hear(self, batch: Sequence[HeardEvent], at: datetime) -> Found:
        """Book a batch, all of it or nothing.

        Raises `BadRecord`: `premium_contradiction`; `event_id_taken` for an event whose id has booked something else.
        """

        async def act(session: AsyncClientSession) -> Found:
            closed = await closed_month(self._mongo, session)
            known = await self._load({charge_of(heard.event) for heard in batch}, session)
            before = dict(known)
            entries: list[Entry] = []
            for heard in batch:
                charge = charge_of(heard.event)
                booked = book(fold(known.get(charge), heard.event), self._terms, heard.id, closed)
                known[charge] = booked.transaction
                entries += booked.entries
            changed = [one for charge, one in known.items() if before.get(charge) != one]
            await self._write(changed, entries, session)
            await self._follow(changed, at, session)
            return Found(tuple(entries), tuple(changed))

        return await in_transaction(self._mongo, act)

    async def transaction(self, account: AccountId, charge: TransactionId) -> Transaction | None:
        """One of an account's transactions."""
        async with translated():
            row = await self._mongo.database[TRANSACTIONS].find_one({"_id": charge, "account_id": account})
        return None if row is None else _transaction(row)

    async def named(self, charges: Collection[TransactionId]) -> list[Transaction]:
        """Those of these ids, some hundreds at most, that are known."""
        return await self._find({"_id": {"$in": list(charges)}})

    async def on_day(self, day: Day, *, after: str = "", limit: int) -> list[Transaction]:
        """Those with a leg that the daily file of this day should have, by their ids, behind this one."""
        async with translated():
            found = self._mongo.database[TRANSACTIONS].find({"days": day, "_id": {"$gt": after}}).sort("_id")
            rows = await found.limit(limit).to_list(None)
        return [_transaction(row) for row in rows]

    async def bought(
        self, account: AccountId, pseudonyms: Sequence[str], short_number: str, day: Day
    ) -> list[Transaction]:
        """What somebody bought of an account by a short number on a day (R-81)."""
        query = {
            "account_id": account,
            "pseudonym": {"$in": list(pseudonyms)},
            "short_number": short_number,
            "day": day,
        }
        return await self._find(query)

    async def page(
        self,
        account: AccountId | None,
        *,
        limit: int,
        standings: Collection[Standing] = (),
        before: tuple[datetime, str] | None = None,
    ) -> list[Transaction]:
        """Of an account, or of all, newest first, of any standing or of these; `before` is time and id of the last one
        seen.
        """
        query: dict[str, Any] = {}
        if account is not None:
            query["account_id"] = account
        if standings:
            query["standing"] = {"$in": list(standings)}
        if before is not None:
            at, last = before
            query["$or"] = [{"ordered_at": {"$lt": at}}, {"ordered_at": at, "_id": {"$gt": last}}]
        async with translated():
            found = self._mongo.database[TRANSACTIONS].find(query).sort([("ordered_at", -1), ("_id", 1)])
            rows = await found.limit(limit).to_list(None)
        return [_transaction(row) for row in rows]

    async def open_totals(self, month: Month) -> dict[tuple[AccountId, str], OpenTotal]:
        """What is open of each account and merchant, ordered in a month or before."""
        match = {
            "standing": {"$in": [Standing.OPEN, Standing.DISPUTED]},
            "lines": [],
            "day": {"$lte": f"{month}-31"},
        }
        whose = {"account": "$account_id", "merchant": "$merchant_id"}
        group = {"_id": whose, "count": {"$sum": 1}, "ore": {"$sum": "$price"}}
        async with translated():
            found = await self._mongo.database[TRANSACTIONS].aggregate([{"$match": match}, {"$group": group}])
            rows = await found.to_list(None)
        return {
            (AccountId(row["_id"]["account"]), row["_id"]["merchant"]): OpenTotal(row["count"], row["ore"])
            for row in rows
        }

    async def entries_of(self, charge: TransactionId) -> list[Entry]:
        """The entries of a transaction, the charge first."""
        async with translated():
            rows = await self._mongo.database[ENTRIES].find({"transaction_id": charge}).sort("kind").to_list(None)
        return [from_row(row, Entry) for row in rows]

    async def entries(self, month: Month) -> AsyncIterator[Entry]:
        """Charges and reversals that are booked in a month, in no order."""
        query = {"month": month, "kind": {"$in": [EntryKind.CHARGE, EntryKind.REVERSAL]}}
        async with translated():
            async for row in self._mongo.database[ENTRIES].find(query):
                yield from_row(row, Entry)

    async def _load(
        self, charges: Collection[TransactionId], session: AsyncClientSession
    ) -> dict[TransactionId, Transaction]:
        found = self._mongo.database[TRANSACTIONS].find({"_id": {"$in": list(charges)}}, session=session)
        return {TransactionId(row["_id"]): _transaction(row) for row in await found.to_list(None)}

    async def _write(
        self, changed: Sequence[Transaction], entries: Sequence[Entry], session: AsyncClientSession
    ) -> None:
        if changed:
            await self._mongo.database[TRANSACTIONS].bulk_write(
                [ReplaceOne({"_id": one.id}, _row(one), upsert=True) for one in changed],
                ordered=False,
                session=session,
            )
        if not entries:
            return
        try:
            await self._mongo.database[ENTRIES].insert_many([to_row(entry) for entry in entries], session=session)
        except BulkWriteError as error:
            if any(fault["code"] == DUPLICATE_KEY for fault in error.details["writeErrors"]):
                # Whoever races with us loses on the row of the books: this is another event under the same id.
                raise BadRecord("event_id_taken", "an event of this id has booked something else") from None
            raise

    async def _follow(self, changed: Sequence[Transaction], at: datetime, session: AsyncClientSession) -> None:
        """Move the refunds that wait for these transactions."""
        waiting = {refund_id(one.id): one for one in changed if one.reversal is not None}
        if not waiting:
            return
        refunds = self._mongo.database[REFUNDS]
        for row in await refunds.find({"_id": {"$in": list(waiting)}}, session=session).to_list(None):
            refund = from_row(row, Refund)
            after = follow(refund, waiting[refund.id], at)
            if after is not refund:
                await refunds.replace_one({"_id": refund.id}, to_row(after, unpublished=True), session=session)

    async def _find(self, query: dict[str, Any]) -> list[Transaction]:
        async with translated():
            rows = await self._mongo.database[TRANSACTIONS].find(query).sort("_id").to_list(None)
        return [_transaction(row) for row in rows]


async def closed_month(mongo: MongoStore, session: AsyncClientSession) -> Month:
    """The last closed month. The row is touched, so that of a booking and a closing at once one begins again: no entry
    gets into a month that is being closed.
    """
    row = await mongo.database[STATE].find_one_and_update(_BOOKS, {"$inc": {"touched": 1}}, session=session)
    return _NEVER if row is None else Month(row["closed"])


def _row(one: Transaction) -> Document:
    legs = [leg for leg in (one.charge, one.reversal) if leg is not None]
    return to_row(
        one,
        standing=one.standing,
        day=one.day,
        days=sorted({leg_day(leg) for leg in legs}),
        ordered_at=min(leg.ordered_at for leg in legs),
    )


def _transaction(row: Document) -> Transaction:
    return from_row(row, Transaction)
