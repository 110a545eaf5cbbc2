"""Rows of the collection `signals` (database `ingest`): one window per account, written with the offset beside it.

signals   _id account id, the members of `Window`
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Final

import msgspec
from pymongo import ASCENDING, IndexModel, ReplaceOne
from pymongo.errors import PyMongoError

from services.ingest.signals.windows import Window
from shared.errors import TryLater
from shared.ids import AccountId
from shared.stores.mongodb import Document, MongoStore

_INDEXES: Final = (IndexModel([("on", ASCENDING)], name="on", partialFilterExpression={"on.0": {"$exists": True}}),)


class WindowStore:
    """Every call raises `TryLater` (`signals_unavailable`) without a database."""

    def __init__(self, store: MongoStore) -> None:
        self._rows = store.database.get_collection("signals")

    async def prepare(self) -> None:
        """Make the index; a repeat is nothing."""
        with _translated():
            await self._rows.create_indexes(list(_INDEXES))

    async def load(self, accounts: Collection[AccountId]) -> Mapping[AccountId, Window]:
        """Those that are known."""
        with _translated():
            rows = await self._rows.find({"_id": {"$in": list(accounts)}}).to_list()
        return {window.account_id: window for window in map(_window, rows)}

    async def keep(self, windows: Sequence[Window]) -> None:
        """Value and offset in one write each."""
        with _translated():
            await self._rows.bulk_write(
                [ReplaceOne({"_id": window.account_id}, _row(window), upsert=True) for window in windows], ordered=False
            )

    async def on(self) -> Sequence[Window]:
        """Those with a signal that is on."""
        with _translated():
            return [_window(row) for row in await self._rows.find({"on.0": {"$exists": True}}).to_list()]

    async def exchange(self, before: Window, after: Window) -> bool:
        """Put one in the place of another, unless that has moved on."""
        with _translated():
            done = await self._rows.replace_one(
                {"_id": before.account_id, "partition": before.partition, "offset": before.offset}, _row(after)
            )
        return done.matched_count == 1


def _row(window: Window) -> Document:
    row: Document = msgspec.to_builtins(window, builtin_types=(datetime,))
    return {"_id": row.pop("account_id"), **row}


def _window(row: Document) -> Window:
    return msgspec.convert({"account_id": row["_id"], **row}, Window)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except PyMongoError as error:
        raise TryLater("signals_unavailable", f"the store does not answer ({type(error).__name__})") from None
