"""Orders as a participant keeps them: the collection `privacy_work` of the service's own database.

privacy_work   _id order id, order (as it came; gone once nothing can come late any more), store (the place among the
               stores), counts (store -> deleted and held), started_at, next_at (when it is to be looked at; absent:
               never again), claimed_until, finished_at, told and partial (whether that was answered)

A row stands as long as its order may come again. What a step deleted and the count of it are one transaction: a
participant that is killed goes on where it stood, and counts nothing twice.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final

import msgspec
from pymongo import ASCENDING, IndexModel, WriteConcern
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import DuplicateKeyError, PyMongoError
from pymongo.read_concern import ReadConcern

from shared.contracts.privacy import OrderId, PrivacyOrdered
from shared.errors import TryLater
from shared.stores.mongodb import Document, MongoStore

COLLECTION: Final = "privacy_work"
CLAIM: Final = timedelta(seconds=10)
"""For how long an order is somebody's who carries it out; each step renews it."""

_KEPT: Final = timedelta(days=40)
_INDEXES: Final = (
    IndexModel([("next_at", ASCENDING)], name="due", sparse=True),
    IndexModel([("started_at", ASCENDING)], name="kept", expireAfterSeconds=int(_KEPT.total_seconds())),
)
_NATIVE: Final = (datetime,)
_WRITE: Final = WriteConcern(w="majority", j=True, wtimeout=15_000)


class Work(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An order, and how far it is."""

    order_id: OrderId = msgspec.field(name="_id")
    started_at: datetime
    order: PrivacyOrdered | None = None
    store: int = 0
    counts: Mapping[str, tuple[int, int]] = {}
    next_at: datetime | None = None
    claimed_until: datetime | None = None
    finished_at: datetime | None = None
    told: bool = False
    partial: bool = False


class WorkStore:
    """Every call raises `TryLater` (`privacy_unavailable`) without a database."""

    def __init__(self, mongo: MongoStore) -> None:
        self._mongo = mongo
        self._rows = mongo.database.get_collection(COLLECTION)

    async def prepare(self) -> None:
        """Make the indexes; a repeat is nothing."""
        async with translated():
            await self._rows.create_indexes(list(_INDEXES))

    async def take(self, order: PrivacyOrdered, now: datetime) -> bool:
        """Keep a new order; False when it is known."""
        row = _row(Work(order_id=order.order_id, order=order, started_at=now, next_at=now))
        async with translated():
            try:
                await self._rows.insert_one(row)
            except DuplicateKeyError:
                return False
        return True

    async def claim(self, now: datetime) -> Work | None:
        """One order that is due, the longest waiting first, and nobody else's."""
        due = {"next_at": {"$lte": now}, "$or": [{"claimed_until": None}, {"claimed_until": {"$lte": now}}]}
        async with translated():
            row = await self._rows.find_one_and_update(
                due, {"$set": {"claimed_until": now + CLAIM}}, sort=[("next_at", ASCENDING)], return_document=True
            )
        return None if row is None else msgspec.convert(row, Work)

    async def put(self, before: Work, after: Work) -> None:
        """Put what is known of an order in the place of what was. When somebody else has had it in hand since, what
        they know stands.
        """
        same = {"_id": before.order_id, "claimed_until": before.claimed_until, "next_at": before.next_at}
        async with translated():
            await self._rows.replace_one(same, _row(after))

    async def step(self, claimed: Work, act: Callable[[AsyncClientSession], Awaitable[Work]]) -> Work:
        """Run a step of a claimed order and keep what it leads to, both or neither; again when another writer came
        between. Raises `TryLater` (`privacy_claim_lost`) when the order is another's by now: then nothing was done.
        """
        ours = {"_id": claimed.order_id, "claimed_until": claimed.claimed_until}

        async def together(session: AsyncClientSession) -> Work:
            work = await act(session)
            kept = await self._rows.replace_one(ours, _row(work), session=session)
            if not kept.matched_count:
                raise TryLater("privacy_claim_lost", "another process has the order by now")
            return work

        async with translated(), self._mongo.database.client.start_session() as session:
            done: Work = await session.with_transaction(
                together, read_concern=ReadConcern("snapshot"), write_concern=_WRITE, max_commit_time_ms=10_000
            )
        return done


def _row(work: Work) -> Document:
    row: Document = msgspec.to_builtins(work, builtin_types=_NATIVE)
    return row


@asynccontextmanager
async def translated() -> AsyncIterator[None]:
    """Errors of the driver as ours; the type alone is told, for its text may quote a document."""
    try:
        yield
    except PyMongoError as error:
        raise TryLater("privacy_unavailable", f"the database does not answer ({type(error).__name__})") from None
