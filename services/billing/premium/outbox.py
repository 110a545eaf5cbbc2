"""Sends what is on record and was not told yet: orders of refunds to Strex, documents to finance.

A row and its mark `unpublished` are one write, so a crash anywhere loses nothing: whoever runs next finds the mark.
What is sent twice has the same id twice; of a refund the highest version counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec

from services.billing.database import translated
from services.billing.premium.closing import PAYOUTS, SETTLEMENTS, STATEMENTS, Settlement
from services.billing.premium.ledger import REFUNDS
from services.billing.premium.payout import Payout
from services.billing.premium.refund import Refund
from services.billing.premium.refunding import Refunds
from services.billing.premium.statement import Statement
from services.billing.premium.telling import Teller
from services.billing.rows import from_row
from shared.clock import Clock
from shared.errors import TryLater
from shared.kafka.record import Output
from shared.lifecycle import Health
from shared.stores.mongodb import Document, MongoStore
from shared.tasks import end
from shared.telemetry.logs import get_log

_log = get_log()

Send = Callable[[Sequence[Output]], Awaitable[None]]
"""`shared.kafka.sending.Sender.send`: returns once all replicas have everything; raises `TryLater`."""

_EVERY: Final = 0.5
_MOST: Final = 200


class Kind(msgspec.Struct, frozen=True):
    """One kind of row that is told: where it lies, and what it says."""

    collection: str
    output: Callable[[Document], Output]


class Outbox:
    """A component that looks twice a second."""

    def __init__(
        self, mongo: MongoStore, refunds: Refunds, teller: Teller, send: Send, clock: Clock, *, every: float = _EVERY
    ) -> None:
        """`every` is in seconds."""
        self.name = "premium outbox"
        self._mongo = mongo
        self._refunds = refunds
        self._teller = teller
        self._send = send
        self._clock = clock
        self._every = every
        self._task: asyncio.Task[None] | None = None
        self._kinds = (
            Kind(STATEMENTS, lambda row: teller.statement(from_row(row, Statement))),
            Kind(SETTLEMENTS, lambda row: teller.settlement(from_row(row, Settlement))),
            Kind(PAYOUTS, lambda row: teller.payout(from_row(row, Payout))),
            Kind(REFUNDS, lambda row: teller.refund(from_row(row, Refund))),
        )

    async def prepare(self) -> None:
        """Make the indexes over the marks; a repeat is nothing."""
        async with translated():
            for kind in self._kinds:
                await self._mongo.database[kind.collection].create_index("unpublished", name="unpublished", sparse=True)

    async def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name=self.name)

    async def stop(self, deadline: float) -> None:  # noqa: ARG002 - what is not told is still marked
        """End; what is left is the next process's."""
        if self._task is not None:
            await end(self._task)
            self._task = None

    async def wait(self) -> None:
        """Return or raise when the loop ended by itself."""
        if self._task is not None:
            await asyncio.shield(self._task)

    def health(self) -> Health:
        """Ready while it runs."""
        running = self._task is not None and not self._task.done()
        return Health(ready=running, reason="" if running else "not running")

    async def empty(self) -> int:
        """Order and tell all that waits; how many records. Raises `TryLater` without database or broker."""
        count = 0
        while waiting := await self._refunds.to_order(_MOST):
            await self._send([self._teller.reversal(refund, charge) for refund, charge in waiting])
            for refund, _ in waiting:
                await self._refunds.ordered(refund, self._clock.now())
            count += len(waiting)
        for kind in self._kinds:
            while rows := await self._marked(kind):
                await self._send([kind.output(row) for row in rows])
                await self._unmark(kind, rows)
                count += len(rows)
        return count

    async def _run(self) -> None:
        while True:
            try:
                await self.empty()
            except TryLater as error:
                _log.warning("premium_not_told", code=error.code)
            await asyncio.sleep(self._every)

    async def _marked(self, kind: Kind) -> list[Document]:
        async with translated():
            return await self._mongo.database[kind.collection].find({"unpublished": True}).limit(_MOST).to_list(None)

    async def _unmark(self, kind: Kind, rows: Sequence[Document]) -> None:
        """Take the marks away, of rows that did not change since."""
        collection = self._mongo.database[kind.collection]
        async with translated():
            for row in rows:
                told: Document = {name: row[name] for name in ("_id", "version") if name in row}
                await collection.update_one(told, {"$unset": {"unpublished": ""}})
