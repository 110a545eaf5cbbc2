"""The proof's records: the collection `proof`, to which rows are added and nothing else.

proof   _id number, claim, previous, hash
"""

from __future__ import annotations

from typing import Final

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.errors import DuplicateKeyError

from services.retention.database import from_row, to_row, translated
from shared.errors import TryLater
from shared.privacy.proof import Claim, Outcome, ProofRecord, link
from shared.stores.mongodb import MongoStore

_INDEXES: Final = (
    IndexModel([("claim.order_id", ASCENDING), ("claim.outcome", ASCENDING)], name="order", unique=True),
)
_ROUNDS: Final = 20


class Chain:
    """Every method raises `TryLater` when the database does not answer."""

    def __init__(self, mongo: MongoStore) -> None:
        self._mongo = mongo

    async def prepare(self) -> None:
        """Make the index; a repeat is nothing."""
        async with translated():
            await self._mongo.database["proof"].create_indexes(list(_INDEXES))

    async def append(self, claim: Claim) -> ProofRecord:
        """Add a record. The one that stands when there is one of this order and outcome, or the order is complete: no
        record says behind that that something is missing.

        The number is the row's id: of two who append at once one wins, and the other links to what that wrote. What it
        did not see before it read the last one takes the number from it.
        """
        proof = self._mongo.database["proof"]
        outcomes = sorted({claim.outcome.value, Outcome.COMPLETE.value})
        same = {"claim.order_id": claim.order_id, "claim.outcome": {"$in": outcomes}}
        for _ in range(_ROUNDS):
            async with translated():
                last = await proof.find_one(sort=[("_id", DESCENDING)])
                standing = await proof.find_one(same, sort=[("_id", DESCENDING)])
                if standing is not None:
                    return from_row(standing, ProofRecord)
                record = link(None if last is None else from_row(last, ProofRecord), claim)
                try:
                    await proof.insert_one(to_row(record))
                except DuplicateKeyError:
                    continue
            return record
        raise TryLater("proof_contended", "others add to the proof all the time")

    async def after(self, number: int, most: int) -> list[ProofRecord]:
        """Records behind a number, in their order."""
        async with translated():
            rows = await self._mongo.database["proof"].find({"_id": {"$gt": number}}).sort("_id").to_list(most)
        return [from_row(row, ProofRecord) for row in rows]
