"""Queries of the collection `idempotency` (database `ingest`), and its index.

idempotency   _id account and hash of the key, at (claim time, UTC, milliseconds),
              body (sealed fingerprint), answer (sealed; absent while nobody was answered)

An account's rows are a range of `_id`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final, Protocol

import msgspec
import pymongo
from bson.binary import Binary
from pymongo import ASCENDING, IndexModel, UpdateOne, WriteConcern
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError, PyMongoError
from pymongo.read_concern import ReadConcern

from services.ingest.idempotency.key import RowId
from shared.errors import TryLater
from shared.privacy.sealing import Sealed
from shared.stores.mongodb import Database, Document

LIFETIME: Final = timedelta(hours=72)
"""A row older than this counts as absent."""

INDEXES: Final = (
    IndexModel(
        [("at", ASCENDING)],
        name="kept",
        # An hour more than its life, for the clocks of doors and database are not one.
        expireAfterSeconds=int((LIFETIME + timedelta(hours=1)).total_seconds()),
    ),
)

_CLAIM_SECONDS: Final = 3.0
_ANSWER_SECONDS: Final = 1.0
_DUPLICATE: Final = 11000


class Row(msgspec.Struct, frozen=True):
    """A key that was claimed: by the request with this (sealed) fingerprint, and answered or not."""

    row_id: RowId
    at: datetime
    body: Sealed
    answer: Sealed | None = None


class Answered(msgspec.Struct, frozen=True):
    """What the caller of the claim of this time is told."""

    row_id: RowId
    at: datetime
    answer: Sealed


class Rows(Protocol):
    """What `Claims` needs of a store. Every call raises `TryLater` (`idempotency_unavailable`) without a database."""

    async def insert(self, rows: Sequence[Row]) -> Sequence[bool]:
        """Insert each (without answer) unless one of its id stands; whether it was. What was inserted stays."""
        ...

    async def find(self, row_id: RowId) -> Row | None:
        """The row, and one that stays: no election of a new primary can undo it, unless it has its answer."""
        ...

    async def replace(self, row: Row, claimed_at: datetime) -> bool:
        """Put a new claim in the place of the one of that time; whether it was still there."""
        ...

    async def answer(self, answered: Sequence[Answered]) -> None:
        """Keep the answers of claims that still stand."""
        ...


class ClaimStore:
    """`Rows` on MongoDB."""

    def __init__(self, database: Database) -> None:
        self._rows: AsyncCollection[Document] = database.get_collection("idempotency")
        self._now = self._rows.with_options(read_concern=ReadConcern("local"))
        self._settled = self._rows.with_options(read_concern=ReadConcern("linearizable"))
        # An answer that is lost makes the request be produced again, with the same ids: it need not wait for a disk.
        self._answers = self._rows.with_options(write_concern=WriteConcern(w=1, j=False))

    async def prepare(self) -> None:
        """Make the index; a repeat is nothing."""
        with _translated(), pymongo.timeout(_CLAIM_SECONDS * 3):
            await self._rows.create_indexes(list(INDEXES))

    async def insert(self, rows: Sequence[Row]) -> Sequence[bool]:
        """One round trip; majority and journaled."""
        with _translated(), pymongo.timeout(_CLAIM_SECONDS):
            try:
                await self._rows.insert_many([_document(row) for row in rows], ordered=False)
            except BulkWriteError as error:
                failures = error.details.get("writeErrors", [])
                if error.details.get("writeConcernErrors") or any(one["code"] != _DUPLICATE for one in failures):
                    raise
                standing = {one["index"] for one in failures}
                return [index not in standing for index in range(len(rows))]
        return [True] * len(rows)

    async def find(self, row_id: RowId) -> Row | None:
        """A row with its answer is read as it is; one without is read again, once a majority has it for certain."""
        with _translated(), pymongo.timeout(_CLAIM_SECONDS):
            found = await self._now.find_one({"_id": row_id})
            if found is not None and "answer" not in found:
                found = await self._settled.find_one({"_id": row_id})
        return None if found is None else _row(found)

    async def replace(self, row: Row, claimed_at: datetime) -> bool:
        """Compare-and-set on the time of the claim."""
        with _translated(), pymongo.timeout(_CLAIM_SECONDS):
            result = await self._rows.replace_one({"_id": row.row_id, "at": claimed_at}, _document(row))
        return result.matched_count == 1

    async def answer(self, answered: Sequence[Answered]) -> None:
        """One round trip, acknowledged by the primary."""
        updates = [
            UpdateOne({"_id": one.row_id, "at": one.at}, {"$set": {"answer": Binary(one.answer)}}) for one in answered
        ]
        with _translated(), pymongo.timeout(_ANSWER_SECONDS):
            await self._answers.bulk_write(updates, ordered=False)


def _document(row: Row) -> Document:
    return {"_id": row.row_id, "at": row.at, "body": Binary(row.body)}


def _row(document: Document) -> Row:
    answer = document.get("answer")
    return Row(
        row_id=RowId(document["_id"]),
        at=document["at"],
        body=Sealed(document["body"]),
        answer=None if answer is None else Sealed(answer),
    )


@contextmanager
def _translated() -> Iterator[None]:
    """Errors of the driver as ours; the type alone is told, for its text may quote a document."""
    try:
        yield
    except PyMongoError as error:
        raise TryLater("idempotency_unavailable", f"the store does not answer ({type(error).__name__})") from None
