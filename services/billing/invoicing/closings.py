"""All queries of closes. There are few closings: they need no index but their months.

closings   _id (month), holds, the members of `Closing`
"""

from __future__ import annotations

from typing import Final

import msgspec
from pymongo import ASCENDING, DESCENDING
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection

from services.billing.database import translated
from services.billing.invoicing.audit import Audit, AuditEntry
from services.billing.invoicing.closing import NEXT, WORKED_ON, Closing, ClosingState, require_next
from services.billing.invoicing.rows import TURNS, next_turn, row_of, value_of
from services.billing.rows import in_transaction
from shared.errors import Fatal
from shared.money.periods import Month
from shared.stores.mongodb import Document, MongoStore

_UNDER_WAY: Final[Document] = {"state": {"$in": list(WORKED_ON)}}
_CLOSED: Final[Document] = {"state": ClosingState.CLOSED}


class Closings:
    """The collection `closings`. Every method raises `TryLater` when the database does not answer."""

    def __init__(self, mongo: MongoStore, audit: Audit) -> None:
        self._mongo = mongo
        self._audit = audit

    async def prepare(self) -> None:
        """Make the collections, of turns too; a repeat is nothing."""
        async with translated():
            await self._mongo.make_collections("closings", TURNS)

    async def request(self, closing: Closing, entry: AuditEntry) -> Closing:
        """Put a request on record, and return what is there: a month has one close, whoever asks for it again.

        A refused one is replaced. Requests take turns, so that of two at the same time the second knows of the first:
        one close is under way at a time, of the month after the last that is closed. Raises `Refused`
        (`earlier_period_open`).
        """

        async def act(session: AsyncClientSession) -> Closing:
            row = await self._closings.find_one({"_id": closing.period}, session=session)
            if row is not None and row["state"] != ClosingState.REFUSED:
                return value_of(row, Closing)
            turn = await next_turn(self._mongo, session)
            under_way = await self._newest(_UNDER_WAY, session)
            require_next(closing.period, last=await self._newest(_CLOSED, session), under_way=under_way)
            asked = msgspec.structs.replace(closing, turn=turn)
            await self._closings.replace_one({"_id": closing.period}, row_of(asked), upsert=True, session=session)
            await self._audit.write(entry, session)
            return asked

        return await in_transaction(self._mongo, act)

    async def page(self, *, behind: Month | None = None, limit: int = 100) -> list[Closing]:
        """Newest first."""
        query = {} if behind is None else {"_id": {"$lt": behind}}
        async with translated():
            rows = await self._closings.find(query).sort("_id", DESCENDING).limit(limit).to_list(None)
        return [value_of(row, Closing) for row in rows]

    async def last_period(self, session: AsyncClientSession | None = None) -> Month | None:
        """The newest month that is closed or being closed, however many later ones were refused."""
        async with translated():
            return await self._newest({"state": {"$ne": ClosingState.REFUSED}}, session)

    async def last_closed(self, session: AsyncClientSession | None = None) -> Month | None:
        """The newest month that is closed."""
        async with translated():
            return await self._newest(_CLOSED, session)

    async def of(self, period: Month) -> Closing | None:
        """One month's."""
        async with translated():
            row = await self._closings.find_one({"_id": period})
        return None if row is None else value_of(row, Closing)

    async def to_work_on(self) -> Closing | None:
        """The oldest that is not at its end."""
        async with translated():
            row = await self._closings.find_one(_UNDER_WAY, sort=[("_id", ASCENDING)])
        return None if row is None else value_of(row, Closing)

    async def advance(self, before: Closing, state: ClosingState, **members: object) -> bool:
        """Take one step, unless somebody else took it: then False."""
        if state not in NEXT[before.state]:
            raise Fatal("illegal_move", f"a close that is {before.state} does not become {state}")
        after = msgspec.structs.replace(before, state=state, reached="", **members)
        async with translated():
            result = await self._closings.replace_one({"_id": before.period, "state": before.state}, row_of(after))
        return result.matched_count == 1

    async def reach(self, closing: Closing, place: str) -> None:
        """A step has come so far; a place that somebody else is beyond changes nothing."""
        async with translated():
            await self._closings.update_one(
                {"_id": closing.period, "state": closing.state}, {"$max": {"reached": place}}
            )

    async def hold(self, closing: Closing, session: AsyncClientSession) -> bool:
        """Keep a close from taking its next step until a transaction ends; False when it took it before."""
        query = {"_id": closing.period, "state": closing.state}
        touched = await self._closings.update_one(query, {"$inc": {"holds": 1}}, session=session)
        return touched.matched_count == 1

    async def _newest(self, query: Document, session: AsyncClientSession | None) -> Month | None:
        row = await self._closings.find_one(query, {"_id": 1}, sort=[("_id", DESCENDING)], session=session)
        return None if row is None else Month(row["_id"])

    @property
    def _closings(self) -> AsyncCollection[Document]:
        return self._mongo.database["closings"]
