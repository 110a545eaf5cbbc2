"""Receipts that came before anybody said which message they speak of.

An operator may deliver its receipt before the fact of the submission is here: after a restart of the sender, or while
facts wait in a backlog. What waits is kept as long as its topic keeps it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

import msgspec
from pymongo import ASCENDING, IndexModel, ReplaceOne
from pymongo.asynchronous.collection import AsyncCollection

from services.dlr.status.orphans import KEPT, keys_of
from services.dlr.status.store import translated
from shared.contracts.events import OperatorReceipt
from shared.stores.mongodb import Document, MongoStore

INDEXES: Final = (
    IndexModel([("keys", ASCENDING)], name="keys"),
    IndexModel([("parked_at", ASCENDING)], name="kept", expireAfterSeconds=int(KEPT.total_seconds())),
)
"""`keys`: `called`, what waits for a submission."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(OperatorReceipt).decode


class ParkedReceipts:
    """The collection `parked_receipts`. Every method raises `TryLater` when the database does not answer."""

    def __init__(self, mongo: MongoStore) -> None:
        self._mongo = mongo

    @property
    def _parked(self) -> AsyncCollection[Document]:
        return self._mongo.database["parked_receipts"]

    async def prepare(self) -> None:
        """Make the indexes; a repeat is nothing."""
        async with translated():
            await self._parked.create_indexes(list(INDEXES))

    async def park(self, receipts: Sequence[OperatorReceipt], now: datetime) -> None:
        """Keep these, by receipt id."""
        rows = [
            {"_id": receipt.receipt_id, "keys": keys_of(receipt), "receipt": _encode(receipt), "parked_at": now}
            for receipt in receipts
        ]
        async with translated():
            await self._parked.bulk_write(
                [ReplaceOne({"_id": row["_id"]}, row, upsert=True) for row in rows], ordered=False
            )

    async def called(self, operator_keys: Collection[str]) -> list[OperatorReceipt]:
        """Those that may speak of a part of one of these names."""
        async with translated():
            rows = await self._parked.find({"keys": {"$in": list(operator_keys)}}).to_list(None)
        return [_decode(row["receipt"]) for row in rows]

    async def drop(self, receipt_ids: Collection[str]) -> None:
        """Forget these; a repeat is nothing."""
        async with translated():
            await self._parked.delete_many({"_id": {"$in": list(receipt_ids)}})
