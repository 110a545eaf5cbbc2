"""The record of what finance did: who, when, what, before and after. Written with the change, never touched again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from bson import ObjectId
from bson.errors import InvalidId
from pymongo import DESCENDING
from pymongo.asynchronous.client_session import AsyncClientSession

from services.billing.database import translated
from services.billing.invoicing.rows import row_of, value_of
from shared.stores.mongodb import Document, MongoStore

_COLLECTION: Final = "finance_audit"


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One command. `actor` is the id of the key that asked, never the key."""

    at: datetime
    actor: str
    action: str
    subject: str
    before: Mapping[str, Any] = {}
    after: Mapping[str, Any] = {}


class Audit:
    """The collection `finance_audit`."""

    def __init__(self, mongo: MongoStore) -> None:
        self._mongo = mongo

    async def prepare(self) -> None:
        """Make the collection; a repeat is nothing."""
        async with translated():
            await self._mongo.make_collections(_COLLECTION)

    async def write(self, entry: AuditEntry, session: AsyncClientSession) -> None:
        """Add an entry within the transaction of what it tells of."""
        await self._mongo.database[_COLLECTION].insert_one(row_of(entry), session=session)

    async def page(self, *, behind: str | None = None, limit: int = 100) -> list[tuple[str, AuditEntry]]:
        """What finance did, newest first, each with its place. Raises `ValueError` for a place that is none."""
        query: Document = {}
        if behind is not None:
            try:
                query["_id"] = {"$lt": ObjectId(behind)}
            except InvalidId:
                raise ValueError("no place") from None
        async with translated():
            found = self._mongo.database[_COLLECTION].find(query).sort("_id", DESCENDING).limit(limit)
            rows = await found.to_list(None)
        return [(str(row.pop("_id")), value_of(row, AuditEntry)) for row in rows]
