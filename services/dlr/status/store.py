"""All queries of the message log, and the indexes that they need.

A document is `Message` as it is; `_id` is the message id. Writes are compare-and-set on (`_id`, `version`): who loses
loads again and folds again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final

import msgspec
from pymongo import ASCENDING, DESCENDING, IndexModel, UpdateOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError, PyMongoError

from services.dlr.status.message import Message
from shared.errors import Fatal, TryLater
from shared.ids import AccountId, MessageId
from shared.stores.mongodb import Document, MongoStore

DATABASE: Final = "dlr"

_NATIVE: Final = (bytes, datetime)
_DUPLICATE_KEY: Final = 11000

INDEXES: Final = (
    IndexModel(
        [("account_id", ASCENDING), ("request.requested_at", DESCENDING), ("_id", ASCENDING)], name="account_newest"
    ),
    IndexModel([("submissions.key", ASCENDING)], name="operator_key", sparse=True),
    IndexModel([("request.pseudonym", ASCENDING)], name="person", sparse=True),
    IndexModel([("request.erased", ASCENDING)], name="erased", sparse=True),
)
"""`account_newest`: an account's messages, newest first. `operator_key`: `named`, the message of an orphan receipt.
`person` and `erased`: to erase somebody, and what is left of that.
"""


class MessageStore:
    """The collection `messages`. Every method raises `TryLater` when the database does not answer."""

    def __init__(self, mongo: MongoStore) -> None:
        self._mongo = mongo

    @property
    def _messages(self) -> AsyncCollection[Document]:
        return self._mongo.database["messages"]

    async def prepare(self) -> None:
        """Make the indexes; a repeat is nothing."""
        async with translated():
            await self._messages.create_indexes(list(INDEXES))

    async def load(self, ids: Collection[MessageId]) -> dict[MessageId, Message]:
        """The messages of these ids that exist, in one query."""
        async with translated():
            # By itself the database gives 101 at first, and the rest in a second round trip.
            rows = await self._messages.find({"_id": {"$in": list(ids)}}, batch_size=len(ids) + 1).to_list(None)
        messages = [_message(row) for row in rows]
        return {message.id: message for message in messages}

    async def one_of(self, account: AccountId, message_id: MessageId) -> Message | None:
        """A message if it is this account's and its request is known."""
        async with translated():
            row = await self._messages.find_one(
                {"_id": message_id, "account_id": account, "request": {"$exists": True}}
            )
        return None if row is None else _message(row)

    async def named(self, operator_keys: Collection[str], since: datetime) -> list[Message]:
        """The messages asked for since then of which an operator took a part by one of these names."""
        query = {"submissions.key": {"$in": list(operator_keys)}, "request.requested_at": {"$gte": since}}
        async with translated():
            rows = await self._messages.find(query, batch_size=len(operator_keys) + 1).to_list(None)
        return [_message(row) for row in rows]

    async def save(self, new: Sequence[Message], known: Sequence[tuple[int, Message]]) -> set[MessageId]:
        """Insert the new messages and replace the known ones, each if it still has the version beside it.

        Returns the ids that somebody else wrote meanwhile; of those nothing was written. A message that lies there
        exactly as it should is no conflict, whoever wrote it.
        """
        async with translated():
            lost = await self._insert(new)
            return lost | await self._replace(known)

    async def _insert(self, new: Sequence[Message]) -> set[MessageId]:
        if not new:
            return set()
        try:
            await self._messages.insert_many([_document(message) for message in new], ordered=False)
        except BulkWriteError as error:
            faults = error.details["writeErrors"]
            if error.details.get("writeConcernErrors") or any(fault["code"] != _DUPLICATE_KEY for fault in faults):
                raise
            return {new[fault["index"]].id for fault in faults}
        return set()

    async def _replace(self, known: Sequence[tuple[int, Message]]) -> set[MessageId]:
        if not known:
            return set()
        result = await self._messages.bulk_write(
            [_if_at(version, message) for version, message in known], ordered=False
        )
        if result.modified_count == len(known):
            return set()
        found = await self.load([message.id for _, message in known])
        return {message.id for _, message in known if found.get(message.id) != message}


def _if_at(version: int, message: Message) -> UpdateOne:
    """Replaces a message that still has this version, and leaves any other as it is.

    The version is asked in the update and not beside the id: a query for an id alone is not planned, and what changed
    is all that goes to the replicas, together a sixth less for the database than a replacement (measured).
    """
    same: Document = {"$eq": ["$version", version]}
    return UpdateOne(
        {"_id": message.id},
        # A literal: what it quotes may begin with `$`.
        [{"$replaceWith": {"$cond": [same, {"$literal": _document(message)}, "$$ROOT"]}}],
    )


def _document(message: Message) -> Document:
    document: Document = msgspec.to_builtins(message, builtin_types=_NATIVE)
    return document


def _message(row: dict[str, Any]) -> Message:
    try:
        return msgspec.convert(row, Message, builtin_types=_NATIVE)
    except msgspec.ValidationError as error:
        # Whoever wrote this knew another shape of the document: to go on could lose what it says.
        raise Fatal("unreadable_message", f"a document of the message log cannot be read: {error}") from None


@asynccontextmanager
async def translated() -> AsyncIterator[None]:
    """Errors of the driver as ours; the type alone is told, for its text may quote a document."""
    try:
        yield
    except PyMongoError as error:
        raise TryLater("mongodb_unavailable", f"the message log does not answer ({type(error).__name__})") from None
