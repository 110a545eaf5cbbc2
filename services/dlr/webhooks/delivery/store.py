"""All queries of parked and dead deliveries, and the indexes that they need (database `dlr`)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec
from pymongo import ASCENDING, DESCENDING, DeleteOne, IndexModel, InsertOne, UpdateOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError

from services.dlr.webhooks.delivery.delivery import Delivery, DeliveryId, Last, Standing
from services.dlr.webhooks.delivery.schedule import End
from services.dlr.webhooks.endpoints.endpoint import EndpointId
from services.dlr.webhooks.endpoints.store import translated
from shared.cursors import Place
from shared.errors import Fatal
from shared.ids import AccountId
from shared.stores.mongodb import Document, MongoStore

_NATIVE: Final = (bytes, datetime)
_DUPLICATE_KEY: Final = 11000
KEPT: Final = timedelta(days=30)
"""Dead deliveries, until the role `privacy` deletes them."""

INDEXES: Final = (
    IndexModel(
        [("due", ASCENDING), ("channel", ASCENDING)],
        name="due",
        partialFilterExpression={"standing": Standing.PARKED.value},
    ),
    IndexModel([("endpoint_id", ASCENDING), ("created_at", DESCENDING), ("_id", DESCENDING)], name="history"),
    IndexModel(
        [("account_id", ASCENDING), ("dead_at", ASCENDING)],
        name="dead",
        partialFilterExpression={"dead_at": {"$exists": True}},
    ),
    IndexModel([("message_id", ASCENDING)], name="message"),
)
"""`due`: what a sweep looks for. `history`: an endpoint's pages. `dead`: those that were kept for long enough.
`message`: goes with its message when that is erased.
"""

Change = InsertOne[Document] | UpdateOne | DeleteOne


class Candidate(NamedTuple):
    """A delivery that is due, before it is claimed."""

    id: DeliveryId
    channel: str
    due: datetime


def parked(delivery: Delivery) -> Change:
    """Park (or bury) a new delivery; one that is there already stays as it is."""
    return InsertOne(msgspec.to_builtins(delivery, builtin_types=_NATIVE))


def delivered(delivery: Delivery) -> Change:
    """The customer has it: nothing is kept."""
    return DeleteOne({"_id": delivery.id, "claim": delivery.claim})


def tried(delivery: Delivery, last: Last, due: datetime) -> Change:
    """An attempt failed; the next is due then."""
    return _settled(
        delivery,
        {"due": due, "attempts": delivery.attempts + 1, "last": msgspec.to_builtins(last, builtin_types=_NATIVE)},
    )


def postponed(delivery: Delivery, due: datetime) -> Change:
    """Nothing was sent; look again then."""
    return _settled(delivery, {"due": due})


def buried(delivery: Delivery, last: Last | None, end: End, at: datetime) -> Change:
    """Never by itself again."""
    change: Document = {"standing": Standing.DEAD.value, "end": end.value, "dead_at": at}
    if last is not None:
        change |= {"attempts": delivery.attempts + 1, "last": msgspec.to_builtins(last, builtin_types=_NATIVE)}
    return _settled(delivery, change)


def _settled(delivery: Delivery, change: Document) -> Change:
    return UpdateOne({"_id": delivery.id, "claim": delivery.claim}, {"$set": change, "$unset": {"claim": ""}})


class DeliveryStore:
    """The collection `webhook_deliveries`. Every method raises `TryLater` when the database does not answer."""

    def __init__(self, mongo: MongoStore) -> None:
        self._mongo = mongo

    @property
    def _deliveries(self) -> AsyncCollection[Document]:
        return self._mongo.database["webhook_deliveries"]

    async def prepare(self) -> None:
        """Make the indexes; a repeat is nothing."""
        async with translated():
            await self._deliveries.create_indexes(list(INDEXES))

    async def write(self, changes: Sequence[Change]) -> None:
        """Many changes in one round trip; an insert of what is there already is nothing."""
        async with translated():
            try:
                await self._deliveries.bulk_write(list(changes), ordered=False)
            except BulkWriteError as error:
                details: Mapping[str, Any] = error.details or {}
                faults = details.get("writeErrors", [])
                if any(fault["code"] != _DUPLICATE_KEY for fault in faults) or details.get("writeConcernErrors"):
                    raise

    async def due(self, now: datetime, without: Collection[str], most: int) -> list[Candidate]:
        """Deliveries that are due, the longest waiting first, without those of these channels."""
        query: Document = {"standing": Standing.PARKED.value, "due": {"$lte": now}}
        if without:
            query["channel"] = {"$nin": list(without)}
        async with translated():
            found = self._deliveries.find(query, {"channel": 1, "due": 1}).sort("due", ASCENDING).limit(most)
            rows = await found.to_list(most)
        return [Candidate(row["_id"], row["channel"], row["due"]) for row in rows]

    async def claim(self, candidates: Sequence[Candidate], claim: str, until: datetime) -> list[Delivery]:
        """Claim those that nobody else claimed meanwhile. A claim that is not settled ends with `until`."""
        if not candidates:
            return []
        async with translated():
            await self._deliveries.bulk_write(
                [
                    UpdateOne(
                        {"_id": one.id, "due": one.due, "standing": Standing.PARKED.value},
                        {"$set": {"due": until, "claim": claim}},
                    )
                    for one in candidates
                ],
                ordered=False,
            )
            rows = await self._deliveries.find(
                {"_id": {"$in": [one.id for one in candidates]}, "claim": claim}
            ).to_list(None)
        return list(_read(rows))

    async def of_endpoint(
        self,
        account: AccountId,
        endpoint: EndpointId,
        standing: Standing | None,
        most: int,
        behind: Place | None = None,
    ) -> list[Delivery]:
        """An endpoint's parked and dead deliveries, the newest first, from behind a place on."""
        query: Document = {"endpoint_id": endpoint, "account_id": account}
        if standing is not None:
            query["standing"] = standing.value
        if behind is not None:
            query["created_at"] = {"$lte": behind.at}
            query["$or"] = [{"created_at": {"$lt": behind.at}}, {"_id": {"$lt": behind.id}}]
        order = [("created_at", DESCENDING), ("_id", DESCENDING)]
        async with translated():
            rows = await self._deliveries.find(query).sort(order).limit(most).to_list(most)
        return list(_read(rows))

    async def replay(self, account: AccountId, endpoint: EndpointId, delivery: DeliveryId, now: datetime) -> bool:
        """Make it due now, with 24 hours before it; False when there is none of this account."""
        async with translated():
            result = await self._deliveries.update_one(
                {"_id": delivery, "endpoint_id": endpoint, "account_id": account},
                {
                    "$set": {"standing": Standing.PARKED.value, "due": now, "first_at": now, "attempts": 0},
                    "$unset": {"end": "", "dead_at": "", "claim": ""},
                },
            )
        return result.matched_count == 1


def claim_until(now: datetime, lease: float) -> datetime:
    """The end of a claim, as precise as the database keeps it."""
    until = now + timedelta(seconds=lease)
    return until.replace(microsecond=until.microsecond // 1000 * 1000)


def _read(rows: Sequence[Document]) -> Iterator[Delivery]:
    for row in rows:
        try:
            yield msgspec.convert(row, Delivery, builtin_types=_NATIVE)
        except msgspec.ValidationError as error:
            raise Fatal("unreadable_delivery", f"a parked delivery cannot be read: {error}") from None
