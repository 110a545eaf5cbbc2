"""The counters as they were at some moment, and how far messages were accepted then.

screening   _id "counters", at, used (month -> account -> messages), positions (partition -> offset)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Final

import msgspec
from pymongo.errors import PyMongoError

from shared.errors import TryLater
from shared.ids import AccountId
from shared.stores.mongodb import MongoStore

Used = dict[str, dict[AccountId, int]]
"""Messages that passed, by month and account."""

_ID: Final = "counters"


class Snapshot(msgspec.Struct, frozen=True):
    """`used` holds every message that lies before `positions` on the topics of accepted messages, and perhaps some
    behind them. `positions` are the next offsets, by `<topic>[<partition>]`.
    """

    at: datetime
    used: Used
    positions: Mapping[str, int]


class SnapshotStore:
    """Keeps the last one. Raises `TryLater` (`snapshots_unavailable`) without a database."""

    def __init__(self, store: MongoStore) -> None:
        self._rows = store.database.get_collection("screening")

    async def last(self) -> Snapshot | None:
        """The last one, if there ever was one."""
        with _translated():
            row = await self._rows.find_one({"_id": _ID})
        return None if row is None else msgspec.convert(row, Snapshot)

    async def keep(self, snapshot: Snapshot) -> None:
        """Put it in the place of the one before."""
        row = msgspec.to_builtins(snapshot, builtin_types=(datetime,))
        with _translated():
            await self._rows.replace_one({"_id": _ID}, row, upsert=True)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except PyMongoError as error:
        raise TryLater("snapshots_unavailable", f"the store does not answer ({type(error).__name__})") from None
