"""Values of the books as rows of MongoDB and back: the struct as it is, its id as `_id`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec
from pymongo import WriteConcern
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.read_concern import ReadConcern

from services.billing.database import translated
from shared.errors import Fatal
from shared.stores.mongodb import Document, MongoStore

S = TypeVar("S", bound=msgspec.Struct)
T = TypeVar("T")

_NATIVE: Final = (datetime,)
_WRITE: Final = WriteConcern(w="majority", j=True, wtimeout=15_000)
_READ: Final = ReadConcern("snapshot")


def to_row(value: msgspec.Struct, **beside: object) -> Document:
    """The row of a value; `beside` holds what is there for queries alone."""
    row: Document = msgspec.to_builtins(value, builtin_types=_NATIVE)
    row["_id"] = row.pop("id")
    return {**row, **beside}


def from_row(row: dict[str, Any], kind: type[S]) -> S:
    """The value of a row. Raises `Fatal`: whoever wrote another shape knew something that we would lose."""
    fields = {("id" if name == "_id" else name): value for name, value in row.items()}
    try:
        return msgspec.convert(fields, kind, builtin_types=_NATIVE)
    except msgspec.ValidationError as error:
        raise Fatal("unreadable_books", f"a row of the books cannot be read: {error}") from None


def readable(rows: Iterable[Document], kind: type[S]) -> tuple[list[S], list[Any]]:
    """The values of rows, and the ids of those that cannot be read: for whoever must not be kept from the others."""
    values: list[S] = []
    unreadable: list[Any] = []
    for row in rows:
        try:
            values.append(from_row(row, kind))
        except Fatal:
            unreadable.append(row["_id"])
    return values, unreadable


def not_aside(now: datetime) -> Document:
    """The part of a query that passes over what is set aside."""
    return {"aside_until": {"$not": {"$gt": now}}}


async def set_aside(mongo: MongoStore, collection: str, ids: Sequence[Any], until: datetime) -> None:
    """Have rows passed over until then; nothing else of them changes."""
    async with translated():
        change = {"$set": {"aside_until": until}}
        await mongo.database[collection].update_many({"_id": {"$in": list(ids)}}, change)


async def in_transaction(mongo: MongoStore, act: Callable[[AsyncClientSession], Awaitable[T]]) -> T:
    """Run `act` all or nothing, again when another writer came between. Raises what it raises, and `TryLater`."""

    async def in_order(session: AsyncClientSession) -> T:
        return await act(session)

    async with translated(), mongo.database.client.start_session() as session:
        result: T = await session.with_transaction(
            in_order, read_concern=_READ, write_concern=_WRITE, max_commit_time_ms=10_000
        )
    return result
