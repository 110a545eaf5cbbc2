"""Sends what is on record and was not told yet: orders of refunds to Strex, documents to finance.

A row and its mark `unpublished` are one write, so a crash anywhere loses nothing: whoever runs next finds the mark.
What is sent twice has the same id twice; of a refund the highest version counts. A row that cannot be read is set aside
with an alarm, and keeps nobody from the others.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any, Final, Generic, TypeVar

import msgspec

from services.billing.database import translated
from services.billing.premium.closing import PAYOUTS, SETTLEMENTS, STATEMENTS, Settlement
from services.billing.premium.ledger import REFUNDS
from services.billing.premium.metrics import PremiumMetrics
from services.billing.premium.payout import Payout
from services.billing.premium.refund import Refund
from services.billing.premium.refunding import Refunds
from services.billing.premium.statement import Statement
from services.billing.premium.telling import Teller
from services.billing.rows import not_aside, readable, set_aside
from shared.clock import Clock
from shared.kafka.record import Output
from shared.looking import Looking
from shared.stores.mongodb import Document, MongoStore
from shared.telemetry.logs import get_log

S = TypeVar("S", bound=msgspec.Struct)

_log = get_log()

Send = Callable[[Sequence[Output]], Awaitable[None]]
"""`shared.kafka.sending.Sender.send`: returns once all replicas have everything; raises `TryLater`."""

_EVERY: Final = 0.5
_LONGEST: Final = 2.0
_MOST: Final = 200
_ASIDE: Final = timedelta(hours=1)


class Kind(msgspec.Struct, Generic[S], frozen=True):
    """One kind of row that is told: where it lies, what it is, and what it says."""

    collection: str
    of: type[S]
    output: Callable[[S], Output]


class Outbox(Looking):
    """A component that looks when it is woken, twice a second while there is something, and every 2 s while not."""

    def __init__(
        self,
        mongo: MongoStore,
        refunds: Refunds,
        teller: Teller,
        send: Send,
        clock: Clock,
        metrics: PremiumMetrics,
        *,
        every: float = _EVERY,
    ) -> None:
        """`every` is in seconds."""
        super().__init__("premium outbox", self.empty, every=every, longest=_LONGEST, waits="premium_not_told")
        self._mongo = mongo
        self._refunds = refunds
        self._teller = teller
        self._send = send
        self._clock = clock
        self._metrics = metrics
        self._kinds: tuple[Kind[Any], ...] = (
            Kind(STATEMENTS, Statement, teller.statement),
            Kind(SETTLEMENTS, Settlement, teller.settlement),
            Kind(PAYOUTS, Payout, teller.payout),
            Kind(REFUNDS, Refund, teller.refund),
        )

    async def prepare(self) -> None:
        """Make the indexes over the marks; a repeat is nothing."""
        async with translated():
            for kind in self._kinds:
                await self._mongo.database[kind.collection].create_index("unpublished", name="unpublished", sparse=True)

    async def empty(self) -> int:
        """Order and tell all that waits; how many records. Raises `TryLater` without database or broker."""
        count = await self._order()
        for kind in self._kinds:
            while rows := await self._marked(kind):
                values, unreadable = readable(rows, kind.of)
                await self._set_aside(kind.collection, unreadable)
                await self._send([kind.output(value) for value in values])
                await self._unmark(kind, [row for row in rows if row["_id"] not in unreadable])
                count += len(values)
        return count

    async def _order(self) -> int:
        count = 0
        while True:
            waiting, unreadable = await self._refunds.to_order(self._clock.now(), _MOST)
            await self._set_aside(REFUNDS, unreadable)
            if not waiting and not unreadable:
                return count
            await self._send([self._teller.reversal(refund, charge) for refund, charge in waiting])
            for refund, _ in waiting:
                await self._refunds.ordered(refund, self._clock.now())
            count += len(waiting)

    async def _set_aside(self, collection: str, unreadable: Sequence[str]) -> None:
        """What cannot be read is for a person, who is told again in an hour."""
        if not unreadable:
            return
        await set_aside(self._mongo, collection, unreadable, self._clock.now() + _ASIDE)
        self._metrics.unreadable.inc(len(unreadable))
        for row_id in unreadable:
            _log.error("premium_row_set_aside", code="unreadable_books", collection=collection, row_id=row_id)

    async def _marked(self, kind: Kind[Any]) -> list[Document]:
        query = {"unpublished": True, **not_aside(self._clock.now())}
        async with translated():
            return await self._mongo.database[kind.collection].find(query).limit(_MOST).to_list(None)

    async def _unmark(self, kind: Kind[Any], rows: Sequence[Document]) -> None:
        """Take the marks away, of rows that did not change since."""
        collection = self._mongo.database[kind.collection]
        async with translated():
            for row in rows:
                told: Document = {name: row[name] for name in ("_id", "version") if name in row}
                await collection.update_one(told, {"$unset": {"unpublished": ""}})
