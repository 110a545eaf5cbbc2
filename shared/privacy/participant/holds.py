"""Legal holds as a participant knows them: the collection `privacy_holds` of the service's own database.

privacy_holds   _id hold id, account_id, pseudonyms (gone once it is closed), closed_at

A row stands for ever, without its people once the hold is closed: what is told twice, or late, opens nothing again.
"""

from __future__ import annotations

from typing import Final

from pymongo import ASCENDING, IndexModel
from pymongo.asynchronous.client_session import AsyncClientSession

from shared.contracts.privacy import LegalHoldChanged
from shared.ids import AccountId
from shared.privacy.holds import Held
from shared.privacy.participant.work import translated
from shared.stores.mongodb import Document, MongoStore

_INDEXES: Final = (IndexModel([("account_id", ASCENDING), ("closed_at", ASCENDING)], name="standing"),)


class KnownHolds:
    """Every call raises `TryLater` (`privacy_unavailable`) without a database."""

    def __init__(self, mongo: MongoStore) -> None:
        self._rows = mongo.database.get_collection("privacy_holds")

    async def prepare(self) -> None:
        """Make the index; a repeat is nothing."""
        async with translated():
            await self._rows.create_indexes(list(_INDEXES))

    async def take(self, hold: LegalHoldChanged) -> None:
        """Note that a hold was opened, once, or closed, for ever."""
        if hold.closed_at is None:
            new: Document = {"account_id": hold.account_id, "pseudonyms": list(hold.pseudonyms), "closed_at": None}
            change: Document = {"$setOnInsert": new}
        else:
            closed: Document = {"account_id": hold.account_id, "closed_at": hold.closed_at}
            change = {"$set": closed, "$unset": {"pseudonyms": ""}}
        async with translated():
            await self._rows.update_one({"_id": hold.hold_id}, change, upsert=True)

    async def of(self, account: AccountId, session: AsyncClientSession) -> Held:
        """What the holds that stand say of an account, within the transaction of a step."""
        standing = self._rows.find({"account_id": account, "closed_at": None}, session=session)
        people = [row["pseudonyms"] async for row in standing]
        return Held(
            everything=not all(people),
            pseudonyms=tuple(sorted({pseudonym for person in people for pseudonym in person})),
        )
