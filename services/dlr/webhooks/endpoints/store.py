"""All queries of endpoints and notices, and the indexes that they need (database `dlr`)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec
from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import DuplicateKeyError, PyMongoError

from services.dlr.webhooks.endpoints.endpoint import Endpoint, EndpointId, Notice, Off
from shared.errors import Fatal, TryLater
from shared.ids import AccountId
from shared.stores.mongodb import Document, MongoStore

S = TypeVar("S", bound=msgspec.Struct)

_NATIVE: Final = (bytes, datetime)
_NOTICE_SECONDS: Final = 90 * 86_400
_MOST_NOTICES: Final = 100

_ENDPOINT_INDEXES: Final = (IndexModel([("account_id", ASCENDING), ("created_at", ASCENDING)], name="of_account"),)
_NOTICE_INDEXES: Final = (
    IndexModel([("account_id", ASCENDING), ("at", DESCENDING)], name="of_account"),
    IndexModel([("at", ASCENDING)], name="forgotten", expireAfterSeconds=_NOTICE_SECONDS),
)


class EndpointStore:
    """The collections `webhook_endpoints` and `webhook_notices`. Every method raises `TryLater` without a database."""

    def __init__(self, mongo: MongoStore) -> None:
        self._mongo = mongo

    @property
    def _endpoints(self) -> AsyncCollection[Document]:
        return self._mongo.database["webhook_endpoints"]

    @property
    def _notices(self) -> AsyncCollection[Document]:
        return self._mongo.database["webhook_notices"]

    async def prepare(self) -> None:
        """Make the indexes; a repeat is nothing."""
        async with translated():
            await self._endpoints.create_indexes(list(_ENDPOINT_INDEXES))
            await self._notices.create_indexes(list(_NOTICE_INDEXES))

    async def add(self, endpoint: Endpoint) -> bool:
        """Insert; False when the id is taken."""
        async with translated():
            try:
                await self._endpoints.insert_one(_document(endpoint))
            except DuplicateKeyError:
                return False
        return True

    async def one_of(self, account: AccountId, endpoint: EndpointId) -> Endpoint | None:
        """An endpoint if it is this account's."""
        async with translated():
            row = await self._endpoints.find_one({"_id": endpoint, "account_id": account})
        return None if row is None else _read(row, Endpoint)

    async def all_of(self, accounts: Collection[AccountId]) -> list[Endpoint]:
        """All endpoints of these accounts, the oldest first."""
        async with translated():
            found = self._endpoints.find({"account_id": {"$in": list(accounts)}}).sort("created_at", ASCENDING)
            rows = await found.to_list(None)
        return [_read(row, Endpoint) for row in rows]

    async def wanting(self, accounts: Collection[AccountId], states: Collection[str]) -> set[AccountId]:
        """Those of these accounts that have an endpoint, switched on, for one of these states."""
        query = {
            "account_id": {"$in": list(accounts)},
            "off": {"$exists": False},
            "states": {"$in": sorted(states)},
        }
        async with translated():
            rows = await self._endpoints.find(query, {"account_id": 1}).to_list(None)
        return {AccountId(row["account_id"]) for row in rows}

    async def count(self, account: AccountId) -> int:
        """How many endpoints an account has."""
        async with translated():
            return await self._endpoints.count_documents({"account_id": account})

    async def replace(self, endpoint: Endpoint) -> bool:
        """Write a changed endpoint over the version before it; False when somebody else changed it meanwhile."""
        async with translated():
            result = await self._endpoints.replace_one(
                {"_id": endpoint.id, "version": endpoint.version - 1}, _document(endpoint)
            )
        return result.matched_count == 1

    async def remove(self, account: AccountId, endpoint: EndpointId) -> bool:
        """Delete; False when there is none."""
        async with translated():
            result = await self._endpoints.delete_one({"_id": endpoint, "account_id": account})
        return result.deleted_count == 1

    async def note_failing(self, endpoint: EndpointId, since: datetime) -> None:
        """Remember the first failure in a row; a repeat keeps the first."""
        async with translated():
            await self._endpoints.update_one(
                {"_id": endpoint, "failing_since": {"$exists": False}}, {"$set": {"failing_since": since}}
            )

    async def note_working(self, endpoint: EndpointId) -> None:
        """The row of failures is over."""
        async with translated():
            await self._endpoints.update_one({"_id": endpoint}, {"$unset": {"failing_since": ""}})

    async def switch_off(self, endpoint: EndpointId, version: int, reason: Off, at: datetime) -> bool:
        """Switch off what nobody changed meanwhile, and leave a notice for the account. False when it was too late.

        The notice is written first: a crash in between leaves one too many, and the next failure switches off.
        """
        async with translated():
            row = await self._endpoints.find_one({"_id": endpoint, "version": version, "off": {"$exists": False}})
            if row is None:
                return False
            notice = Notice(
                id=f"{endpoint}:{version}", account_id=row["account_id"], endpoint_id=endpoint, reason=reason, at=at
            )
            document = msgspec.to_builtins(notice, builtin_types=_NATIVE)
            await self._notices.replace_one({"_id": notice.id}, document, upsert=True)
            result = await self._endpoints.update_one(
                {"_id": endpoint, "version": version},
                {"$set": {"off": reason.value, "off_since": at, "version": version + 1}},
            )
        return result.modified_count == 1

    async def notices(self, account: AccountId) -> list[Notice]:
        """The account's notices, the newest first."""
        async with translated():
            rows = await self._notices.find({"account_id": account}).sort("at", DESCENDING).to_list(_MOST_NOTICES)
        return [_read(row, Notice) for row in rows]


def _document(endpoint: Endpoint) -> Document:
    document: Document = msgspec.to_builtins(endpoint, builtin_types=_NATIVE)
    return document


def _read(row: dict[str, Any], kind: type[S]) -> S:
    try:
        return msgspec.convert(row, kind, builtin_types=_NATIVE)
    except msgspec.ValidationError as error:
        raise Fatal("unreadable_endpoint", f"a document of the webhooks cannot be read: {error}") from None


@asynccontextmanager
async def translated() -> AsyncIterator[None]:
    """Errors of the driver as ours; the type alone is told, for its text may quote a document."""
    try:
        yield
    except PyMongoError as error:
        raise TryLater("mongodb_unavailable", f"the webhooks' store does not answer ({type(error).__name__})") from None
