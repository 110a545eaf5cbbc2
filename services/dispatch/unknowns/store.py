"""Queries of the collection `unknowns` (database `dispatch`), and its indexes.

unknowns   _id `message:part:attempt`, order (sealed as it came), parts, attempt, link, since (nothing of it can be
           older), at (when it was called unknown), due_at (when it may be closed), cause, traceparent; claim (who
           closes it)

`due_at` and claims are by the database's clock alone, whatever those of senders and sweepers say.

A row stands from when the outcome is on record until the attempt is closed and what follows is told. It holds a sealed
number and a sealed text, which the role `privacy` takes out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import msgspec
import pymongo
from pymongo import ASCENDING, IndexModel
from pymongo.errors import PyMongoError

from services.dispatch.sender.ledger import AttemptKey, insert_new
from shared.contracts.events import DispatchOrdered
from shared.errors import TryLater
from shared.stores.mongodb import Database, Document

INDEXES: Final = (
    IndexModel([("due_at", ASCENDING)], name="due"),
    IndexModel([("order.message.account_id", ASCENDING), ("order.message.pseudonym", ASCENDING)], name="person"),
)
_SECONDS: Final = 10.0
_BUILTIN: Final = (datetime, bytes)


class Unknown(msgspec.Struct, frozen=True, gc=False):
    """One attempt at some parts, which went in one PDU. Times have the precision of the store, milliseconds."""

    key: AttemptKey
    order: DispatchOrdered
    parts: tuple[int, ...]
    attempt: int
    link: str
    since: datetime
    at: datetime
    due_at: datetime
    cause: str
    traceparent: bytes | None = None


class Claimed(NamedTuple):
    """Rows that are due, and the keys of those that cannot be read."""

    rows: Sequence[Unknown]
    unreadable: Sequence[AttemptKey]


class UnknownStore:
    """Writes are acknowledged by a majority and journaled, and every error of the driver is `TryLater`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rows = database.get_collection("unknowns")

    async def prepare(self) -> None:
        """Make the indexes; a repeat is nothing."""
        with _translated(), pymongo.timeout(_SECONDS * 3):
            await self._rows.create_indexes(list(INDEXES))

    async def now(self) -> datetime:
        """The database's time."""
        with _translated(), pymongo.timeout(_SECONDS):
            told: datetime = (await self._database.command("hello"))["localTime"]
            return told.replace(tzinfo=UTC)

    async def note(self, rows: Sequence[Unknown]) -> None:
        """Put rows on record; one that stands stays as it is."""
        with _translated(), pymongo.timeout(_SECONDS):
            await insert_new(self._rows, [_document(row) for row in rows])

    async def claim(self, claim: str, now: datetime, until: datetime, limit: int) -> Claimed:
        """Take rows that are due, the oldest first: nobody else gets them before `until`. `claim` is used once. Times
        are of `now()`.
        """
        due: Document = {"due_at": {"$lte": now}}
        with _translated(), pymongo.timeout(_SECONDS):
            found = self._rows.find(due, {"_id": 1}).sort("due_at", ASCENDING).limit(limit)
            ids = {"_id": {"$in": [row["_id"] async for row in found]}}
            if not ids["_id"]["$in"]:
                return Claimed((), ())
            await self._rows.update_many({**ids, **due}, {"$set": {"due_at": until, "claim": claim}})
            documents = [document async for document in self._rows.find({**ids, "claim": claim})]
        read = {document["_id"]: _read(document) for document in documents}
        return Claimed(
            [row for row in read.values() if row is not None], [key for key, row in read.items() if row is None]
        )

    async def set_aside(self, keys: Sequence[AttemptKey], until: datetime) -> None:
        """Nobody gets these before then."""
        with _translated(), pymongo.timeout(_SECONDS):
            await self._rows.update_many({"_id": {"$in": list(keys)}}, {"$set": {"due_at": until}})

    async def done(self, keys: Sequence[AttemptKey]) -> None:
        """These are closed, and what follows is told."""
        with _translated(), pymongo.timeout(_SECONDS):
            await self._rows.delete_many({"_id": {"$in": list(keys)}})

    async def count(self) -> int:
        """How many rows there are."""
        with _translated(), pymongo.timeout(_SECONDS):
            return await self._rows.estimated_document_count()


def _document(row: Unknown) -> Document:
    fields: dict[str, Any] = msgspec.to_builtins(row, builtin_types=_BUILTIN)
    return {"_id": fields.pop("key"), **fields}


def _read(document: Document) -> Unknown | None:
    fields = {name: value for name, value in document.items() if name not in {"_id", "claim"}}
    try:
        return msgspec.convert({"key": document["_id"], **fields}, Unknown, builtin_types=_BUILTIN)
    except msgspec.ValidationError:
        return None


@contextmanager
def _translated() -> Iterator[None]:
    """Errors of the driver as ours; the type alone is told, for its text may quote a document."""
    try:
        yield
    except PyMongoError as error:
        raise TryLater("mongodb_unreachable", f"unknown outcomes cannot be reached ({type(error).__name__})") from None
