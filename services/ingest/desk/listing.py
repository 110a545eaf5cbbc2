"""What `/admin/holds` shows: holds by age, how many messages wait in them, and some to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from services.ingest.desk.rows import Hold, HoldState, Waiting
from services.ingest.desk.store import read_hold, translated
from shared.contracts.events import SendRequested
from shared.contracts.holds import HoldId
from shared.ids import MessageId
from shared.privacy.sealing import Erased, Sealer
from shared.stores.mongodb import MongoStore

Counts = Mapping[Waiting, int]


class After(msgspec.Struct, frozen=True, array_like=True):
    """Where a page ended."""

    opened_at: datetime
    hold_id: str


class Sample(msgspec.Struct, frozen=True):
    """One message of a hold, without its recipient; `text` is None once it was erased."""

    message_id: MessageId
    sender: str
    text: str | None

    def __repr__(self) -> str:
        return f"Sample(message_id={self.message_id!r})"


class HoldListing:
    """Reads. Raises `TryLater` (`desk_unavailable`) without a database."""

    def __init__(self, store: MongoStore, sealer: Sealer) -> None:
        self._store = store
        self._sealer = sealer
        self._decode = msgspec.json.Decoder(SendRequested).decode

    async def holds(
        self, limit: int, after: After | None, *, state: HoldState | None, account_id: str | None
    ) -> Sequence[Hold]:
        """A page, the oldest first."""
        query: dict[str, Any] = {}
        if state is not None:
            query["state"] = state
        if account_id is not None:
            query["account_id"] = account_id
        if after is not None:
            later = [
                {"opened_at": {"$gt": after.opened_at}},
                {"opened_at": after.opened_at, "_id": {"$gt": after.hold_id}},
            ]
            query["$or"] = later
        with translated():
            found = self._store.database.holds.find(query).sort([("opened_at", 1), ("_id", 1)]).limit(limit)
            return [read_hold(row) for row in await found.to_list()]

    async def hold(self, hold_id: HoldId) -> Hold | None:
        """One."""
        with translated():
            row = await self._store.database.holds.find_one({"_id": hold_id})
        return None if row is None else read_hold(row)

    async def counts(self, hold_ids: Sequence[HoldId]) -> Mapping[HoldId, Counts]:
        """Messages of these holds by what became of them; those that ended long ago are not known any more."""
        group = {"_id": {"hold": "$hold_id", "state": "$state"}, "count": {"$sum": 1}}
        with translated():
            rows = await self._store.database.held.aggregate(
                [{"$match": {"hold_id": {"$in": list(hold_ids)}}}, {"$group": group}]
            )
            found = await rows.to_list()
        counts: dict[HoldId, dict[Waiting, int]] = {hold_id: {} for hold_id in hold_ids}
        for row in found:
            counts[row["_id"]["hold"]][Waiting(row["_id"]["state"])] = row["count"]
        return counts

    async def samples(self, hold_id: HoldId, limit: int) -> Sequence[Sample]:
        """Some messages that wait in a hold, for a person to read."""
        query = {"hold_id": hold_id, "state": Waiting.WAITING}
        with translated():
            rows = await self._store.database.held.find(query, {"request": 1}).sort("_id", 1).limit(limit).to_list()
        return [self._sample(self._decode(row["request"])) for row in rows]

    def _sample(self, request: SendRequested) -> Sample:
        text = self._sealer.open(request.account_id, request.message_id, "content", request.content)
        return Sample(request.message_id, request.sender, None if isinstance(text, Erased) else text)
