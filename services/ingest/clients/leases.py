"""Queries of the collections `client_shares` and `client_readers` (database `ingest`).

client_shares   _id share, owner, epoch, expires_at
client_readers  _id owner, expires_at; removed a while after that

The database's clock (`$$NOW`) judges expiry. The holder counts from before it asked, so it stops believing in a lease
before anybody else can have it. The epoch grows whenever a share changes hands.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import pymongo
from pymongo import ASCENDING, IndexModel, UpdateOne
from pymongo.errors import PyMongoError

from services.ingest.clients.sharing import SHARES, Standing
from shared.errors import TryLater
from shared.stores.mongodb import Database

LIFETIME: Final = 10.0
"""Seconds for which a lease is good without renewal."""

_SECONDS: Final = 4.0
_FORGOTTEN_SECONDS: Final = 3600
_READER_INDEXES: Final = (IndexModel([("expires_at", ASCENDING)], name="gone", expireAfterSeconds=_FORGOTTEN_SECONDS),)


class ShareLeases:
    """The leases of one owner. Every call raises `TryLater` (`client_shares_unavailable`) without a database."""

    def __init__(self, database: Database, owner: str) -> None:
        """`owner` is a name that no other process has, nor this one after a restart."""
        self._shares = database.get_collection("client_shares")
        self._readers = database.get_collection("client_readers")
        self._owner = owner

    async def prepare(self) -> None:
        """Make the rows and the index; a repeat is nothing."""
        rows = [
            UpdateOne({"_id": share}, {"$setOnInsert": {"owner": "", "epoch": 0}}, upsert=True)
            for share in range(SHARES)
        ]
        with _translated():
            await self._shares.bulk_write(rows, ordered=False)
            await self._readers.create_indexes(list(_READER_INDEXES))

    async def renew(self) -> None:
        """This owner lives: it counts as a reader, and what it has stays its own."""
        alive = [{"$set": {"expires_at": _in(LIFETIME)}}]
        with _translated():
            await asyncio.gather(
                self._readers.update_one({"_id": self._owner}, alive, upsert=True),
                self._shares.update_many({"owner": self._owner}, alive),
            )

    async def look(self) -> tuple[Sequence[Standing], Mapping[int, int], int]:
        """All shares; the epochs of those that are ours; and how many readers there are."""
        with _translated():
            rows, living = await asyncio.gather(
                self._shares.find({}, {"owner": 1, "epoch": 1, "free": _over()}).sort("_id", ASCENDING).to_list(),
                self._readers.count_documents({"$expr": {"$gt": ["$expires_at", "$$NOW"]}}),
            )
        shares = [Standing(row["_id"], row["owner"], row["epoch"], row["free"]) for row in rows]
        return shares, {one.share: one.epoch for one in shares if one.owner == self._owner}, living

    async def take(self, wanted: Sequence[int]) -> Mapping[int, int]:
        """Take those that are free; the epochs of all that are ours then."""
        taken = {"owner": self._owner, "epoch": {"$add": ["$epoch", 1]}, "expires_at": _in(LIFETIME)}
        with _translated():
            await self._shares.update_many({"_id": {"$in": list(wanted)}, "$expr": _over()}, [{"$set": taken}])
            rows = await self._shares.find({"owner": self._owner}, {"epoch": 1}).to_list()
        return {row["_id"]: row["epoch"] for row in rows}

    async def release(self, epochs: Mapping[int, int]) -> None:
        """Give back; others may take it at once. What is not ours any more is left alone."""
        if not epochs:
            return
        changes = [
            UpdateOne({"_id": share, "owner": self._owner, "epoch": epoch}, {"$set": {"owner": ""}})
            for share, epoch in epochs.items()
        ]
        with _translated():
            await self._shares.bulk_write(changes, ordered=False)

    async def leave(self) -> None:
        """Give back everything, and be no reader any more."""
        with _translated():
            await self._shares.update_many({"owner": self._owner}, {"$set": {"owner": ""}})
            await self._readers.delete_one({"_id": self._owner})


def _in(seconds: float) -> Mapping[str, Any]:
    return {"$add": ["$$NOW", int(seconds * 1000)]}


def _over() -> Mapping[str, Any]:
    """Whether nobody has it; a share that nobody ever had has no `expires_at`."""
    return {"$or": [{"$eq": ["$owner", ""]}, {"$lte": ["$expires_at", "$$NOW"]}]}


@contextmanager
def _translated() -> Iterator[None]:
    try:
        with pymongo.timeout(_SECONDS):
            yield
    except PyMongoError as error:
        reason = f"the leases cannot be looked up ({type(error).__name__})"
        raise TryLater("client_shares_unavailable", reason) from None
