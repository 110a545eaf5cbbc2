"""Queries of the collection `premium` (database `dispatch`), and its indexes.

premium   _id transaction id (`<id>:one_time_password` for a code), step, event (what is or was told), age, version,
          looks, anew, owner, asked_at, due_at; untold (true while the event is to be told); aside_until (of a row that
          cannot be read)

Rows live 400 days, by the time of their order; the role `privacy` deletes them then, but of people under a legal hold.
They hold pseudonyms, and no number and no text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import pymongo
from pymongo import ASCENDING, IndexModel
from pymongo.errors import DuplicateKeyError, PyMongoError

from services.dispatch.strex.row import Row, RowId, row_id
from shared.contracts.premium import PremiumKind, TransactionId, reversal_id
from shared.errors import BadRecord, TryLater
from shared.ids import AccountId
from shared.stores.mongodb import Database, Document

KEPT: Final = timedelta(days=400)

INDEXES: Final = (
    IndexModel([("due_at", ASCENDING)], name="due", partialFilterExpression={"due_at": {"$exists": True}}),
    IndexModel([("event.at", ASCENDING)], name="untold", partialFilterExpression={"untold": True}),
    IndexModel([("event.account_id", ASCENDING), ("event.pseudonym", ASCENDING)], name="person"),
    IndexModel([("event.account_id", ASCENDING), ("event.ordered_at", ASCENDING)], name="aged"),
)
_SECONDS: Final = 5.0
_BESIDE: Final = frozenset({"_id", "untold", "aside_until"})
"""Fields of a document that are no fields of its row."""


class Page(msgspec.Struct, frozen=True):
    """Some rows, and the ids of those among them that cannot be read."""

    rows: Sequence[Row]
    unreadable: Sequence[RowId]


class PremiumStore:
    """All reads are of what a majority has; writes are acknowledged by a majority and journaled."""

    def __init__(self, database: Database) -> None:
        self._rows = database.get_collection("premium")

    async def prepare(self) -> None:
        """Make the indexes; a repeat is nothing."""
        with _translated(), pymongo.timeout(_SECONDS * 6):
            await self._rows.create_indexes(list(INDEXES))

    async def insert(self, row: Row) -> bool:
        """Put a new row on record; False when one of its id stands. After `TryLater` it may stand all the same."""
        with _translated(), pymongo.timeout(_SECONDS):
            try:
                await self._rows.insert_one(_document(row) | ({"untold": True} if row.event.sequence else {}))
            except DuplicateKeyError:
                return False
        return True

    async def get(self, row_id: RowId) -> Row | None:
        """The row of an id. Raises `BadRecord` (`unreadable_row`)."""
        with _translated(), pymongo.timeout(_SECONDS):
            found = await self._rows.find_one({"_id": row_id})
        try:
            return None if found is None else _row(found)
        except msgspec.ValidationError:
            # What is wrong may quote the row.
            raise BadRecord("unreadable_row", "the row of a premium transaction cannot be read") from None

    async def is_of_another(self, transaction_id: TransactionId, account: AccountId) -> bool:
        """Whether the transaction, its code or its reversal is on record as another account's."""
        charge = TransactionId(transaction_id.removeprefix("-"))
        ids = [charge, reversal_id(charge), row_id(PremiumKind.ONE_TIME_PASSWORD, charge)]
        with _translated(), pymongo.timeout(_SECONDS):
            found = await self._rows.find_one({"_id": {"$in": ids}, "event.account_id": {"$ne": account}}, {"_id": 1})
        return found is not None

    async def move(self, before: Row, after: Row) -> bool:
        """Make of a row what it is to be; False when it is not what it was, and so this move is void.

        After `TryLater` the move may have been made.
        """
        was, will = _document(before), _document(after)
        change: Document = {"$set": {name: value for name, value in will.items() if was.get(name) != value}}
        if gone := was.keys() - will.keys():
            change["$unset"] = dict.fromkeys(gone, "")
        if after.event.sequence > before.event.sequence:
            change["$set"]["untold"] = True
        with _translated(), pymongo.timeout(_SECONDS):
            result = await self._rows.update_one({"_id": before.id, "version": before.version}, change)
        return result.matched_count == 1

    async def due(self, now: datetime, limit: int, but: Sequence[RowId]) -> Page:
        """Rows that are to be looked at, the longest due first, but not these, and none that is set aside."""
        wanted: Document = {"due_at": {"$lte": now}}
        if but:
            wanted["_id"] = {"$nin": list(but)}
        return await self._page(wanted, "due_at", now, limit)

    async def untold(self, before: datetime, now: datetime, limit: int) -> Page:
        """Rows with something to tell since before then, the oldest first, and none that is set aside."""
        return await self._page({"untold": True, "event.at": {"$lte": before}}, "event.at", now, limit)

    async def set_aside(self, rows: Sequence[RowId], until: datetime) -> None:
        """Pass these over until then."""
        with _translated(), pymongo.timeout(_SECONDS):
            await self._rows.update_many({"_id": {"$in": list(rows)}}, {"$set": {"aside_until": until}})

    async def told(self, rows: Sequence[Row]) -> None:
        """Note what was told; a row that has more to tell since then stays as it is."""
        updates = [
            pymongo.UpdateOne({"_id": row.id, "event.sequence": row.event.sequence}, {"$unset": {"untold": ""}})
            for row in rows
        ]
        with _translated(), pymongo.timeout(_SECONDS):
            await self._rows.bulk_write(updates, ordered=False)

    async def hurry(self, row_id: RowId, now: datetime) -> None:
        """Have a row looked at now."""
        with _translated(), pymongo.timeout(_SECONDS):
            await self._rows.update_one({"_id": row_id}, {"$min": {"due_at": now}, "$inc": {"version": 1}})

    async def _page(self, wanted: Document, oldest: str, now: datetime, limit: int) -> Page:
        rows, unreadable = [], []
        with _translated(), pymongo.timeout(_SECONDS):
            found = self._rows.find({**wanted, "aside_until": {"$not": {"$gt": now}}})
            async for document in found.sort(oldest, ASCENDING).limit(limit):
                try:
                    rows.append(_row(document))
                except msgspec.ValidationError:
                    unreadable.append(document["_id"])
        return Page(rows, unreadable)


def _document(row: Row) -> Document:
    fields: dict[str, Any] = msgspec.to_builtins(row, builtin_types=(datetime,))
    return {"_id": fields.pop("id"), **fields, "version": row.version}


def _row(document: Document) -> Row:
    fields = {name: value for name, value in document.items() if name not in _BESIDE}
    return msgspec.convert({"id": document["_id"], **fields}, Row, builtin_types=(datetime,))


@contextmanager
def _translated() -> Iterator[None]:
    """Errors of the driver as ours; the type alone is told, for its text may quote a document."""
    try:
        yield
    except PyMongoError as error:
        raise TryLater("mongodb_unreachable", f"the premium rows cannot be reached ({type(error).__name__})") from None
