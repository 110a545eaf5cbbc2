"""As much of MongoDB as the ledger and the unknowns use, in memory. Every call takes time before and after its effect,
so that whoever calls can die in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from copy import deepcopy
from datetime import datetime
from typing import Any, cast

import msgspec
from pymongo.errors import AutoReconnect, BulkWriteError

from services.dispatch.sender.lease import LIFETIME, Lease, LeaseStore
from shared.clock import Clock
from shared.stores.mongodb import Database, Document

HOP = 0.01
"""Seconds that a call takes on its way, and its answer."""


class Faults:
    """How many calls from now on fail, each before its effect or behind it."""

    def __init__(self) -> None:
        self._coming: list[bool] = []

    def come(self, faults: Sequence[bool]) -> None:
        """The next calls fail: those that are true behind their effect."""
        self._coming = list(faults)

    def next(self) -> tuple[bool, bool]:
        """Whether this call fails before its effect, and whether behind it."""
        behind = self._coming.pop(0) if self._coming else None
        return behind is False, behind is True


class Collection:
    """Documents by `_id`."""

    def __init__(self, hop: float = HOP, faults: Faults | None = None) -> None:
        self.rows: dict[str, Document] = {}
        self.inserts = 0
        self.faults = faults or Faults()
        self.hop = hop

    @asynccontextmanager
    async def call(self) -> AsyncIterator[None]:
        """The way there and back of a call."""
        before, behind = self.faults.next()
        await asyncio.sleep(self.hop)
        if before:
            raise AutoReconnect("away")
        yield
        await asyncio.sleep(self.hop)
        if behind:
            raise AutoReconnect("away")

    async def insert_many(self, rows: Sequence[Document], ordered: bool = True) -> None:
        self.inserts += 1
        failures = []
        async with self.call():
            for index, row in enumerate(rows):
                if row["_id"] in self.rows:
                    failures.append({"index": index, "code": 11000})
                else:
                    self.rows[row["_id"]] = deepcopy(row)
        if failures:
            raise BulkWriteError({"writeErrors": failures})

    def find(self, query: Document, _projection: object = None) -> Cursor:
        return Cursor(self, query)

    async def find_one(self, query: Document, _projection: object = None) -> Document | None:
        return next(iter([row async for row in self.find(query)]), None)

    async def update_many(self, query: Document, change: Document) -> None:
        async with self.call():
            for row in self.matching(query):
                self.rows[row["_id"]].update(change["$set"])

    async def delete_many(self, query: Document) -> None:
        async with self.call():
            for row in self.matching(query):
                del self.rows[row["_id"]]

    def matching(self, query: Document) -> list[Document]:
        return [deepcopy(row) for row in self.rows.values() if all(_meets(row.get(k), v) for k, v in query.items())]


class Cursor:
    """The answer to a query, read when it is asked for."""

    def __init__(self, collection: Collection, query: Document) -> None:
        self._collection, self._query = collection, query
        self._order, self._most = "_id", 10_000

    def sort(self, field: str, _direction: int) -> Cursor:
        self._order = field
        return self

    def limit(self, most: int) -> Cursor:
        self._most = most
        return self

    async def __aiter__(self) -> AsyncIterator[Document]:
        async with self._collection.call():
            found = sorted(self._collection.matching(self._query), key=lambda row: row[self._order])[: self._most]
        for row in found:
            yield row


class Memory:
    """A database of such collections."""

    def __init__(self, clock: Clock, hop: float = HOP) -> None:
        self._clock = clock
        self._hop = hop
        self.faults = Faults()
        self.collections: dict[str, Collection] = {}

    async def command(self, _hello: str) -> Document:
        await asyncio.sleep(self._hop)
        return {"localTime": self._clock.now()}

    def get_collection(self, name: str) -> Collection:
        return self.collections.setdefault(name, Collection(self._hop, self.faults))

    @property
    def database(self) -> Database:
        return cast("Database", self)


class MemoryLeases(LeaseStore):
    """Leases of one owner among `rows`, which all owners share."""

    def __init__(self, rows: dict[str, dict[str, Any]], owner: str, clock: Clock) -> None:
        self._rows = rows
        self._owner = owner
        self._clock = clock

    async def acquire(self, lease_id: str) -> Lease | None:
        before = self._clock.monotonic()
        await asyncio.sleep(HOP)
        row = self._rows.setdefault(lease_id, {"epoch": 0, "expires_at": 0.0, "settled_before": self._clock.now()})
        if row["expires_at"] > self._clock.monotonic():
            return None
        row.update(owner=self._owner, epoch=row["epoch"] + 1, expires_at=self._clock.monotonic() + LIFETIME)
        epoch, settled_before = row["epoch"], row["settled_before"]
        await asyncio.sleep(HOP)
        return Lease(lease_id, epoch, before + LIFETIME, self._clock.monotonic(), settled_before)

    async def renew(self, leases: Sequence[Lease], settled_before: datetime) -> Sequence[Lease]:
        before = self._clock.monotonic()
        await asyncio.sleep(HOP)
        kept = [lease for lease in leases if self._is_ours(lease)]
        for lease in kept:
            self._rows[lease.id].update(expires_at=self._clock.monotonic() + LIFETIME, settled_before=settled_before)
        await asyncio.sleep(HOP)
        return [msgspec.structs.replace(lease, valid_until=before + LIFETIME) for lease in kept]

    async def release(self, leases: Sequence[Lease]) -> None:
        await asyncio.sleep(HOP)
        for lease in leases:
            if self._is_ours(lease):
                self._rows[lease.id].update(owner="", expires_at=self._clock.monotonic())
        await asyncio.sleep(HOP)

    def _is_ours(self, lease: Lease) -> bool:
        row = self._rows[lease.id]
        return (row["owner"], row["epoch"]) == (self._owner, lease.epoch)


def _meets(value: Any, wanted: Any) -> bool:
    if not isinstance(wanted, Mapping):
        return bool(value == wanted)
    tests = {
        "$in": lambda: value in wanted["$in"],
        "$gt": lambda: value > wanted["$gt"],
        "$lt": lambda: value < wanted["$lt"],
        "$gte": lambda: value >= wanted["$gte"],
        "$lte": lambda: value <= wanted["$lte"],
    }
    return all(tests[name]() for name in wanted)
