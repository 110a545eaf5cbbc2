"""Queries of the desk's collections in the database `ingest`, and their indexes.

holds   _id hold id, the members of `Hold`
held    _id message id and why, the members of `Held`; state, claim and claimed_until while somebody lets it go, done_at
        when that is done: the request goes then, and 30 days later the row, by the role `privacy`. Of a message that is
        cancelled while it waits, cancelled_at: only its end is told
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from bson.binary import Binary
from pymongo import ASCENDING, IndexModel, UpdateOne
from pymongo.errors import BulkWriteError, PyMongoError

from services.ingest.desk.rows import Held, Hold, HoldState, Waiting
from shared.contracts.holds import HoldId
from shared.errors import TryLater
from shared.ids import AccountId, MessageId
from shared.stores.mongodb import Document, MongoStore

KEPT: Final = timedelta(days=30)
CLAIM: Final = 30.0
"""Seconds for which a message is somebody's who lets it go; then the next one may."""

_HOLD_INDEXES: Final = (
    IndexModel([("state", ASCENDING), ("opened_at", ASCENDING), ("_id", ASCENDING)], name="by_state"),
    IndexModel([("account_id", ASCENDING), ("opened_at", ASCENDING), ("_id", ASCENDING)], name="by_account"),
    IndexModel(
        [("settled", ASCENDING), ("state", ASCENDING)], name="unsettled", partialFilterExpression={"settled": False}
    ),
)
_HELD_INDEXES: Final = (
    IndexModel([("hold_id", ASCENDING), ("state", ASCENDING), ("_id", ASCENDING)], name="by_hold"),
    IndexModel([("state", ASCENDING), ("expires_at", ASCENDING)], name="by_expiry"),
    IndexModel([("state", ASCENDING), ("due_at", ASCENDING)], name="by_due_time"),
    IndexModel([("claim", ASCENDING)], name="by_claim", sparse=True),
    IndexModel(
        [("state", ASCENDING), ("cancelled_at", ASCENDING)],
        name="by_cancelling",
        partialFilterExpression={"cancelled_at": {"$type": "date"}},
    ),
    IndexModel([("account_id", ASCENDING), ("pseudonym", ASCENDING)], name="by_person"),
    IndexModel(
        [("account_id", ASCENDING), ("done_at", ASCENDING)],
        name="done",
        partialFilterExpression={"done_at": {"$exists": True}},
    ),
)
_DUPLICATE: Final = 11000


class DeskStore:
    """Every call raises `TryLater` (`desk_unavailable`) without a database."""

    def __init__(self, store: MongoStore, *, claim: float = CLAIM) -> None:
        """`claim` is in seconds: longer than a batch takes to be written."""
        self._claim_lasts = timedelta(seconds=claim)
        self._holds = store.database.get_collection("holds")
        self._held = store.database.get_collection("held")

    async def prepare(self) -> None:
        """Make the indexes; a repeat is nothing."""
        with translated():
            await self._holds.create_indexes(list(_HOLD_INDEXES))
            await self._held.create_indexes(list(_HELD_INDEXES))

    async def keep(self, holds: Sequence[Hold], held: Sequence[Held]) -> None:
        """Keep new messages and the holds that they belong to; what is kept already stays as it is.

        Holds, messages, then the mark that there is something to settle: what a crash leaves out, a repeat completes.
        """
        with translated():
            if holds:
                await self._holds.bulk_write([_opening(hold) for hold in holds], ordered=False)
            try:
                if held:
                    await self._held.insert_many([_document(one) for one in held], ordered=False)
            except BulkWriteError as error:
                if any(one["code"] != _DUPLICATE for one in error.details.get("writeErrors", [])):
                    raise
            if holds:
                await self._holds.update_many(
                    {"_id": {"$in": [hold.hold_id for hold in holds]}},
                    {"$inc": {"version": 1}, "$set": {"settled": False}},
                )

    async def decided(self, limit: int) -> Sequence[Hold]:
        """Holds that are decided and of which something may still wait."""
        query = {"settled": False, "state": {"$in": [HoldState.APPROVED, HoldState.REJECTED]}}
        with translated():
            return [read_hold(row) for row in await self._holds.find(query).limit(limit).to_list()]

    async def oldest_open(self) -> datetime | None:
        """When the oldest hold was opened that nobody has decided on and in which a message waits."""
        waiting = {
            "from": "held",
            "localField": "_id",
            "foreignField": "hold_id",
            "pipeline": [{"$match": {"state": Waiting.WAITING, "cancelled_at": None}}, {"$limit": 1}],
            "as": "waiting",
        }
        wanted: list[Document] = [
            {"$match": {"state": HoldState.OPEN}},
            {"$sort": {"opened_at": ASCENDING, "_id": ASCENDING}},
            {"$lookup": waiting},
            {"$match": {"waiting": {"$ne": []}}},
            {"$limit": 1},
            {"$project": {"opened_at": 1}},
        ]
        with translated():
            rows = await (await self._holds.aggregate(wanted)).to_list(1)
        return rows[0]["opened_at"] if rows else None

    async def settle(self, hold: Hold) -> bool:
        """Nothing waits any more; False when a message came since the hold was read."""
        with translated():
            done = await self._holds.update_one(
                {"_id": hold.hold_id, "version": hold.version}, {"$set": {"settled": True}}
            )
        return done.matched_count == 1

    async def of_hold(self, hold_id: HoldId, now: datetime, claim: str, limit: int) -> Sequence[Held]:
        """Claim messages of a hold."""
        return await self._claim({"hold_id": hold_id}, now, claim, limit)

    async def due(self, now: datetime, claim: str, limit: int) -> Sequence[Held]:
        """Claim messages whose time has come."""
        return await self._claim({"due_at": {"$lte": now}}, now, claim, limit)

    async def expired(self, now: datetime, claim: str, limit: int) -> Sequence[Held]:
        """Claim messages of holds whose validity is over."""
        return await self._claim({"expires_at": {"$lte": now}, "due_at": None}, now, claim, limit)

    async def cancelled(self, now: datetime, claim: str, limit: int) -> Sequence[Held]:
        """Claim messages that were withdrawn while they waited."""
        return await self._claim({"cancelled_at": {"$type": "date"}}, now, claim, limit)

    async def waits(self) -> bool:
        """Whether any message waits, or is somebody's."""
        with translated():
            return (
                await self._held.find_one({"state": {"$in": [Waiting.WAITING, Waiting.CLAIMED]}}, {"_id": 1})
                is not None
            )

    async def ripe(self, now: datetime) -> bool:
        """Whether any message may be due, expired, or withdrawn."""
        any_of = {
            "$or": [
                {"state": Waiting.WAITING, "due_at": {"$lte": now}},
                {"state": Waiting.WAITING, "expires_at": {"$lte": now}, "due_at": None},
                {"state": Waiting.WAITING, "cancelled_at": {"$type": "date"}},
                {"state": Waiting.CLAIMED, "claimed_until": {"$lte": now}},
            ]
        }
        with translated():
            return await self._held.find_one(any_of, {"_id": 1}) is not None

    async def waiting(self, account_id: AccountId, message_id: MessageId) -> Held | None:
        """A message of this account that waits, or that was withdrawn while it did."""
        # The order of ids: what begins with the message's own lies between these two.
        own = {"$gte": f"{message_id}:", "$lt": f"{message_id};"}
        withdrawn = {"cancelled_at": {"$type": "date"}}
        with translated():
            row = await self._held.find_one(
                {"_id": own, "account_id": account_id, "$or": [{"state": Waiting.WAITING}, withdrawn]}
            )
        return None if row is None else msgspec.convert({"request": b"", **row}, Held)

    async def cancel(self, held: Held, now: datetime) -> bool:
        """Withdraw a message that waits; False when it does not any more. Compare-and-set against a claim."""
        with translated():
            done = await self._held.update_one(
                {"_id": id_of(held), "state": Waiting.WAITING, "cancelled_at": None}, {"$set": {"cancelled_at": now}}
            )
        return done.modified_count == 1

    async def open(self, hold_id: HoldId) -> int:
        """How many of a hold wait or are somebody's."""
        with translated():
            return await self._held.count_documents(
                {"hold_id": hold_id, "state": {"$in": [Waiting.WAITING, Waiting.CLAIMED]}}
            )

    async def mark(self, claim: str, outcome: Waiting, now: datetime) -> None:
        """What was claimed is done; its request is not needed any more."""
        with translated():
            await self._held.update_many(
                {"claim": claim},
                {
                    "$set": {"state": outcome, "done_at": now},
                    "$unset": {"claim": "", "claimed_until": "", "request": ""},
                },
            )

    async def _claim(self, which: Mapping[str, Any], now: datetime, claim: str, limit: int) -> Sequence[Held]:
        """Compare-and-set per message: of two who want the same one gets it. What was withdrawn is let go by nobody."""
        which = {"cancelled_at": None, **which}
        free = {
            "$or": [
                {"state": Waiting.WAITING, **which},
                {"state": Waiting.CLAIMED, "claimed_until": {"$lte": now}, **which},
            ]
        }
        with translated():
            wanted = [row["_id"] async for row in self._held.find(free, {"_id": 1}).limit(limit)]
            if not wanted:
                return ()
            await self._held.update_many(
                {"_id": {"$in": wanted}, **free},
                {"$set": {"state": Waiting.CLAIMED, "claim": claim, "claimed_until": now + self._claim_lasts}},
            )
            rows = await self._held.find({"claim": claim}).to_list()
        return [msgspec.convert(row, Held) for row in rows]


def read_hold(row: Document) -> Hold:
    """The hold of a row."""
    return msgspec.convert({"hold_id": row["_id"], **row}, Hold)


def id_of(held: Held) -> str:
    """The id of its row."""
    return f"{held.message_id}:{held.why}"


@contextmanager
def translated() -> Iterator[None]:
    """The driver's errors as `TryLater` (`desk_unavailable`), without its text."""
    try:
        yield
    except PyMongoError as error:
        raise TryLater("desk_unavailable", f"the desk's store does not answer ({type(error).__name__})") from None


def _opening(hold: Hold) -> UpdateOne:
    row = msgspec.to_builtins(hold, builtin_types=(datetime,))
    opened_at, hold_id = row.pop("opened_at"), row.pop("hold_id")
    return UpdateOne({"_id": hold_id}, {"$setOnInsert": row, "$min": {"opened_at": opened_at}}, upsert=True)


def _document(held: Held) -> Document:
    row: Document = msgspec.to_builtins(held, builtin_types=(bytes, datetime))
    row["request"] = Binary(row["request"])
    return {"_id": id_of(held), **row, "state": Waiting.WAITING}
