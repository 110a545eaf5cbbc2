"""Who may send from a topic partition: one holder at a time, known by an epoch.

The database's clock (`$$NOW`) judges expiry; the holder counts from before it sent the renewal, so it stops believing
in its lease before anybody else can have it. A renewal stores `settled_before`: every intent written before that time
has its outcome, so a successor looks only at later ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from pymongo import UpdateOne
from pymongo.errors import DuplicateKeyError, PyMongoError

from shared.clock import Clock
from shared.errors import TryLater
from shared.stores.mongodb import Database

LIFETIME = 10.0
RENEWAL = 2.0


class Lease(msgspec.Struct, frozen=True):
    """A lease as taken. Seconds are of the holder's monotonic clock: nobody else can have written a PDU under it since
    `taken_at`. `settled_before` is what the last holder said.
    """

    id: str
    epoch: int
    valid_until: float
    taken_at: float
    settled_before: datetime


class LeaseStore:
    """Leases of one owner (`dispatch.leases`, by topic and partition)."""

    def __init__(self, database: Database, owner: str, clock: Clock) -> None:
        self._leases = database.get_collection("leases")
        self._owner = owner
        self._clock = clock

    async def acquire(self, lease_id: str) -> Lease | None:
        """Take the lease with a new epoch, or return None while somebody else holds it."""
        before = self._clock.monotonic()
        free = {"$lte": ["$expires_at", "$$NOW"]}
        taken: list[Mapping[str, Any]] = [
            {
                "$set": {
                    "owner": self._owner,
                    "epoch": {"$add": [{"$ifNull": ["$epoch", 0]}, 1]},
                    "expires_at": _expiry(),
                    "settled_before": {"$ifNull": ["$settled_before", "$$NOW"]},
                }
            }
        ]
        query = {"_id": lease_id, "$expr": free}
        try:
            row = await self._leases.find_one_and_update(query, taken, return_document=True)
            if row is None and await self._create(lease_id):
                row = await self._leases.find_one_and_update(query, taken, return_document=True)
        except PyMongoError as error:
            raise TryLater("mongodb_unreachable", f"a lease could not be taken ({type(error).__name__})") from error
        if row is None:
            return None
        return Lease(
            id=lease_id,
            epoch=row["epoch"],
            valid_until=before + LIFETIME,
            taken_at=self._clock.monotonic(),
            settled_before=row["settled_before"],
        )

    async def _create(self, lease_id: str) -> bool:
        """Make the row of a lease that nobody ever held; whether it was missing. (MongoDB upserts no `$expr`.)"""
        try:
            await self._leases.insert_one({"_id": lease_id, "epoch": 0})
        except DuplicateKeyError:
            return False
        return True

    async def renew(self, leases: Sequence[Lease], settled_before: datetime) -> Sequence[Lease]:
        """Renew what is still ours; what is missing from the answer is lost."""
        if not leases:
            return ()
        before = self._clock.monotonic()
        try:
            result = await self._leases.bulk_write(
                [
                    UpdateOne(
                        self._mine(lease),
                        [{"$set": {"expires_at": _expiry(), "settled_before": settled_before}}],
                    )
                    for lease in leases
                ],
                ordered=False,
            )
            kept = leases if result.matched_count == len(leases) else await self._still_ours(leases)
        except PyMongoError as error:
            raise TryLater("mongodb_unreachable", f"leases could not be renewed ({type(error).__name__})") from error
        return tuple(msgspec.structs.replace(lease, valid_until=before + LIFETIME) for lease in kept)

    async def release(self, leases: Sequence[Lease]) -> None:
        """Let others have them at once. A lease that is not ours any more is left alone.

        The owner goes too: a renewal that is still on its way must not bring the lease back to life.
        """
        if not leases:
            return
        try:
            await self._leases.bulk_write(
                [UpdateOne(self._mine(lease), [{"$set": {"owner": "", "expires_at": "$$NOW"}}]) for lease in leases],
                ordered=False,
            )
        except PyMongoError as error:
            raise TryLater("mongodb_unreachable", f"leases could not be released ({type(error).__name__})") from error

    async def _still_ours(self, leases: Sequence[Lease]) -> Sequence[Lease]:
        """Of these, the ones that are ours; asked only when a renewal did not match them all."""
        rows = self._leases.find({"_id": {"$in": [lease.id for lease in leases]}, "owner": self._owner}, {"epoch": 1})
        epochs = {row["_id"]: row["epoch"] async for row in rows}
        return [lease for lease in leases if epochs.get(lease.id) == lease.epoch]

    def _mine(self, lease: Lease) -> dict[str, object]:
        return {"_id": lease.id, "owner": self._owner, "epoch": lease.epoch}


def _expiry() -> dict[str, object]:
    return {"$add": ["$$NOW", int(LIFETIME * 1000)]}
