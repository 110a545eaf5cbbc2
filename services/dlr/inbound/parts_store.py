"""All queries of what waits of long messages, and their indexes (collection `inbound_parts` of database `dlr`)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

import msgspec
from pymongo import ASCENDING, IndexModel, InsertOne, ReplaceOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError

from services.dlr.inbound.joining import Joining
from services.dlr.inbound.store import document, read, translated
from shared.errors import TryLater
from shared.stores.mongodb import Document, MongoStore

INDEXES: Final = (
    IndexModel([("due_at", ASCENDING)], name="due", sparse=True),
    IndexModel([("forget_at", ASCENDING)], name="kept", expireAfterSeconds=0),
)
"""`due`: what has waited long enough."""


class PartsStore:
    """Compare-and-set on (`_id`, `version`). Every method raises `TryLater` when the database does not answer."""

    def __init__(self, mongo: MongoStore) -> None:
        self._mongo = mongo

    @property
    def _parts(self) -> AsyncCollection[Document]:
        return self._mongo.database["inbound_parts"]

    async def prepare(self) -> None:
        """Make the indexes; a repeat is nothing."""
        async with translated():
            await self._parts.create_indexes(list(INDEXES))

    async def load(self, ids: Collection[str]) -> dict[str, Joining]:
        """Those of these that exist."""
        async with translated():
            rows = await self._parts.find({"_id": {"$in": list(ids)}}, batch_size=len(ids) + 1).to_list(None)
        return {row["_id"]: read(row, Joining) for row in rows}

    async def due(self, now: datetime, most: int) -> list[Joining]:
        """Those to be looked at by now, the oldest first."""
        async with translated():
            rows = await self._parts.find(
                {"due_at": {"$lte": now}}, sort=[("due_at", ASCENDING)], limit=most, batch_size=most + 1
            ).to_list(None)
        return [read(row, Joining) for row in rows]

    async def save(self, joinings: Sequence[Joining]) -> list[Joining]:
        """Write each as the next version of what was loaded; returns them with it.

        Raises `TryLater` (`joined_elsewhere`) when somebody else wrote one meanwhile; the others may be written then.
        """
        if not joinings:
            return []
        next_ones = [msgspec.structs.replace(one, version=one.version + 1) for one in joinings]
        writes = [
            ReplaceOne({"_id": one.id, "version": one.version - 1}, document(one))
            if one.version > 1
            else InsertOne(document(one))
            for one in next_ones
        ]
        async with translated():
            try:
                result = await self._parts.bulk_write(writes, ordered=False)
                written = result.matched_count + result.inserted_count
            except BulkWriteError as error:
                faults = error.details["writeErrors"]
                if error.details.get("writeConcernErrors") or any(fault["code"] != 11000 for fault in faults):
                    raise
                written = 0
        if written < len(writes):
            raise TryLater("joined_elsewhere", "somebody else took parts of the same long message")
        return next_ones
