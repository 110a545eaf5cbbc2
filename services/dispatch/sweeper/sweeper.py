"""Closes unknown attempts that are due, again and again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from services.dispatch.sender.ledger import AttemptKey, Ledger, Outcome
from services.dispatch.sweeper.deciding import Telling, closing
from services.dispatch.sweeper.metrics import SweeperMetrics
from services.dispatch.unknowns.store import Unknown, UnknownStore
from shared.contracts.events import OperatorReceipt
from shared.kafka.record import Output
from shared.looking import Looking
from shared.telemetry.logs import get_log

_log = get_log()

MOST: Final = 500
CLAIMED: Final = timedelta(seconds=60)
"""For so long nobody else takes what a sweeper that died had taken."""

ASIDE: Final = timedelta(hours=1)
"""For so long a row that cannot be read is passed over: it is for a person."""

Naming: TypeAlias = Callable[[Sequence[Unknown]], Awaitable[Mapping[AttemptKey, OperatorReceipt]]]
Send: TypeAlias = Callable[[Sequence[Output]], Awaitable[None]]


class Sweeper(Looking):
    """A component. Every few seconds: claim what is due, ask for receipts that name it, close it, tell what follows,
    and forget it.

    Whoever first inserts the closing row of attempt n has closed it, and only its closing makes n + 1. Die between any
    two of these steps: the row is due again a minute later, the closing stands, and the same is told under the same
    ids. Several sweepers may run.
    """

    def __init__(
        self,
        *,
        unknowns: UnknownStore,
        ledger: Ledger,
        receipts: Naming,
        send: Send,
        partitions: int,
        owner: str,
        metrics: SweeperMetrics,
        every: float = 5.0,
    ) -> None:
        """`owner` is this process's alone; `every` is seconds."""
        super().__init__("sweeper of unknown outcomes", self._sweep_all, every=every, waits="sweeping_waits")
        self._unknowns = unknowns
        self._ledger = ledger
        self._receipts = receipts
        self._send = send
        self._telling = Telling(partitions)
        self._owner = owner
        self._claims = 0
        self._metrics = metrics

    async def sweep(self) -> int:
        """Close what is due, at most `MOST` rows; how many there were. Raises `TryLater`."""
        now = await self._unknowns.now()
        self._claims += 1
        rows, unreadable = await self._unknowns.claim(f"{self._owner}:{self._claims}", now, now + CLAIMED, MOST)
        if unreadable:
            await self._set_aside(unreadable, now + ASIDE)
        if rows:
            await self._close_all(rows, now)
        return len(rows) + len(unreadable)

    async def _close_all(self, rows: Sequence[Unknown], now: datetime) -> None:
        receipts = await self._receipts(rows)
        closed = await self._close([closing(row, receipts.get(row.key), now) for row in rows])
        partly = {row.order.message.message_id for row in rows if row.order.message.parts > len(row.parts)}
        takers = await self._ledger.takers(partly)
        outputs = self._telling.outputs([(row, closed[row.key]) for row in rows], takers)
        await self._send(outputs)
        await self._unknowns.done([row.key for row in rows])
        for outcome in closed.values():
            self._metrics.closed.labels(outcome.kind).inc()

    async def _set_aside(self, unreadable: Sequence[AttemptKey], until: datetime) -> None:
        """What is wrong with them may quote the row, and is not told."""
        await self._unknowns.set_aside(unreadable, until)
        self._metrics.unreadable.inc(len(unreadable))
        for key in unreadable:
            _log.error("unknown_set_aside", attempt=key, code="unreadable_row")

    async def _close(self, wanted: Sequence[Outcome]) -> Mapping[AttemptKey, Outcome]:
        """What closes each attempt: ours, or what stood before."""
        stood = await self._ledger.settle(wanted)
        return {outcome.key: stood.get(outcome.row_id, outcome) for outcome in wanted}

    async def _sweep_all(self) -> None:
        while await self.sweep() == MOST:
            pass
        self._metrics.waiting.set(await self._unknowns.count())
