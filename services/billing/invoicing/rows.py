"""Rows of the books and back, and the turns in which finance's orders are taken."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec
from pymongo import ReturnDocument
from pymongo.asynchronous.client_session import AsyncClientSession

from shared.errors import Fatal
from shared.stores.mongodb import Document, MongoStore

S = TypeVar("S", bound=msgspec.Struct)

TURNS: Final = "counters"

_NATIVE: Final = (bytes, datetime)


def row_of(value: msgspec.Struct, key: str | None = None) -> Document:
    """The row of a value; `key` names the member that is its id, if it does not say so itself."""
    row: Document = msgspec.to_builtins(value, builtin_types=_NATIVE)
    if key is not None:
        row["_id"] = row.pop(key)
    return row


def value_of(row: dict[str, Any], kind: type[S], key: str | None = None) -> S:
    """The value of a row. Raises `Fatal`: whoever wrote another shape knew something that we would lose."""
    if key is not None:
        row = {**row, key: row["_id"]}
        del row["_id"]
    try:
        return msgspec.convert(row, kind, builtin_types=_NATIVE)
    except msgspec.ValidationError as error:
        raise Fatal("unreadable_books", f"a row of the books cannot be read: {error}") from None


async def next_turn(mongo: MongoStore, session: AsyncClientSession) -> int:
    """The next turn, within a transaction: of two orders at the same time one is after the other, and knows of it."""
    row = await mongo.database[TURNS].find_one_and_update(
        {"_id": "turn"}, {"$inc": {"last": 1}}, upsert=True, return_document=ReturnDocument.AFTER, session=session
    )
    if row is None:
        raise Fatal("unreadable_books", "the counter of turns is not there after it was raised")
    return int(row["last"])
