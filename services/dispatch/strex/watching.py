"""Looks at transactions until they are settled, asks anew for reversals that got lost, and tells what was not told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from math import inf
from typing import Final

from services.dispatch.strex import row as moves
from services.dispatch.strex.asking import Asking
from services.dispatch.strex.bodies import place_of, reversing
from services.dispatch.strex.client import Missing, NoAnswer, StrexClient
from services.dispatch.strex.meaning import meaning
from services.dispatch.strex.metrics import StrexMetrics
from services.dispatch.strex.row import Row, RowId, Step
from services.dispatch.strex.store import Page, PremiumStore
from services.dispatch.strex.telling import Teller
from shared.clock import Clock
from shared.errors import TryLater
from shared.looking import Looking
from shared.tasks import end
from shared.telemetry.logs import get_log

_log = get_log()

_MOST: Final = 500
_AFTER_FAILURE: Final = 10.0
_LONGEST: Final = 2.0
_AHEAD: Final = timedelta(seconds=_LONGEST)
_ASIDE: Final = timedelta(hours=1)
"""For so long a row that cannot be read is passed over; then its alarm is raised anew."""


class Watcher(Looking):
    """A component. Looks when it is woken, when something is due, and from time to time, at most `at_once` at a time.

    Several processes may look at the same row: the first move counts, and events have their ids from the row.
    """

    def __init__(
        self,
        *,
        store: PremiumStore,
        client: StrexClient,
        teller: Teller,
        asking: Asking,
        metrics: StrexMetrics,
        clock: Clock,
        gone: timedelta,
        at_once: int,
        anew: Sequence[int] = moves.ANEW,
        every: float = 0.25,
        untold_after: float = 2.0,
    ) -> None:
        """`gone` after it was asked for, what Strex knows nothing of will not come any more; `anew` is when reversals
        are asked for again then. What was not told for `untold_after` seconds is told by us, whoever should have.
        """
        super().__init__("premium watcher", self._work, every=every, longest=_LONGEST, waits="premium_watcher_waits")
        self._store = store
        self._client = client
        self._teller = teller
        self._asking = asking
        self._metrics = metrics
        self._clock = clock
        self._gone = gone
        self._at_once = at_once
        self._anew = anew
        self._untold_after = untold_after
        self._swept = -inf
        self._looking: dict[RowId, asyncio.Task[None]] = {}

    async def stop(self, deadline: float) -> None:
        """Look no more. A look that is cut off changes nothing."""
        await super().stop(deadline)
        await end(*self._looking.values())

    async def _work(self) -> int:
        begun = await self._begin()
        if self._clock.monotonic() - self._swept > self._untold_after:
            self._swept = self._clock.monotonic()
            await self._tell_untold()
        return begun

    async def _begin(self) -> int:
        """Begin to look at what is due, as far as there is room; how many. What is due soon is looked at in time."""
        room = self._at_once - len(self._looking)
        if room <= 0:
            return 0
        now = self._clock.now()
        soon = await self._readable(await self._store.due(now + _AHEAD, room, list(self._looking)))
        due = [row for row in soon if row.due_at is not None and row.due_at <= now]
        if len(due) < len(soon):
            self.look_within(self._every)
        for row in due:
            task = asyncio.create_task(self._look(row))
            self._looking[row.id] = task
            task.add_done_callback(partial(self._ended, row.id))
        return len(due)

    def _ended(self, row_id: RowId, task: asyncio.Task[None]) -> None:
        del self._looking[row_id]
        self.wake()
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("premium_look_failed", transaction_id=row_id, exc_info=error)

    async def _look(self, row: Row) -> None:
        try:
            after = await self._seen(row)
            if not await self._store.move(row, after):
                return
            if after.anew > row.anew and after.event.reversal_of is not None:
                # Strex has just said that it has none; and of an id, the charge's with a minus, it makes no second.
                self._metrics.orders.labels(after.event.kind, "anew").inc()
                await self._asking(after, reversing(after.event.reversal_of))
                return
        except TryLater as error:
            _log.warning("premium_look_waits", transaction_id=row.id, code=error.code)
            await asyncio.sleep(self._every)
            return
        except Exception as error:
            # One row that cannot be looked at must not keep the others from it, nor be tried again at once.
            _log.error("premium_look_failed", transaction_id=row.id, exc_info=error)
            await asyncio.sleep(_AFTER_FAILURE)
            return
        if after.event.sequence > row.event.sequence:
            await self._teller.tell([after])
        if after.due_at is None and after.step is not Step.CLOSED:
            self._metrics.unsettled.inc()
            _log.error("premium_never_settled", transaction_id=row.id, status=after.event.status)
        if after.step is Step.CLOSED and row.step is not Step.CLOSED:
            self._metrics.settled.labels(after.event.kind, after.event.status).inc()

    async def _seen(self, row: Row) -> Row:
        """The row after a look."""
        sight = await self._client.look(place_of(row.event.kind, row.event.transaction_id))
        now = moves.milliseconds(self._clock.now())
        match sight:
            case NoAnswer():
                self._metrics.looks.labels("none").inc()
                return moves.unseen(row, now)
            case Missing():
                self._metrics.looks.labels("missing").inc()
                return moves.missing(row, now, self._gone, self._anew)
            case seen:
                self._metrics.looks.labels("found").inc()
                return moves.found(row, meaning(seen, row.event.kind), now)

    async def _tell_untold(self) -> None:
        """Tell what a process that is gone did not tell."""
        now = self._clock.now()
        page = await self._store.untold(now - timedelta(seconds=self._untold_after), now, _MOST)
        if rows := await self._readable(page):
            await self._teller.tell(rows)

    async def _readable(self, page: Page) -> Sequence[Row]:
        """The rows of a page; what cannot be read is set aside for a person, and keeps nobody from the others."""
        if page.unreadable:
            await self._store.set_aside(page.unreadable, self._clock.now() + _ASIDE)
            self._metrics.unreadable.inc(len(page.unreadable))
            for row_id in page.unreadable:
                _log.error("premium_row_set_aside", transaction_id=row_id, code="unreadable_row")
        return page.rows
