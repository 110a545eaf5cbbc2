"""Asks Strex for what a row says, by one call, and puts what came of it into the row.

Whoever asks has moved the row to `asking` before, and nobody else has: so there is one call for each such move.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from services.dispatch.strex import row as moves
from services.dispatch.strex.bodies import Request, place_of
from services.dispatch.strex.client import Answer, Declined, Missing, NoAnswer, NotSent, StrexClient, Taken
from services.dispatch.strex.meaning import meaning
from services.dispatch.strex.metrics import StrexMetrics
from services.dispatch.strex.row import Row
from services.dispatch.strex.store import PremiumStore
from services.dispatch.strex.telling import Teller
from shared.clock import Clock


class Asking:
    """Order of effects: the call, what came of it in the row, the event."""

    def __init__(
        self,
        *,
        store: PremiumStore,
        client: StrexClient,
        teller: Teller,
        metrics: StrexMetrics,
        clock: Clock,
        gone: timedelta,
    ) -> None:
        """`gone` after a call, what Strex does not know of will not come any more."""
        self._store = store
        self._client = client
        self._teller = teller
        self._metrics = metrics
        self._clock = clock
        self._gone = gone

    async def __call__(self, row: Row, request: Request) -> Answer:
        """What came of the one call. Raises `TryLater` when the row cannot be written; a look finds out then."""
        answer = await self._call(row, request)
        await self._settle(row, answer)
        return answer

    async def _call(self, row: Row, request: Request) -> Answer:
        """It is not begun when the row has stood for half of the time after which it is given up: a process that
        slept, or a store that was away, must not charge what is told as not taken.
        """
        if row.asked_at is None or self._clock.now() > row.asked_at + self._gone / 2:
            return NotSent("asked_too_late")
        return await self._client.ask(request)

    async def _settle(self, row: Row, answer: Answer) -> None:
        """A row that has moved meanwhile, because of a callback, is the watcher's: he looks at it again, even if he had
        given it up.
        """
        match answer:
            case Taken():
                outcome, after = "taken", moves.taken(row, self._now())
            case NoAnswer():
                outcome, after = "unknown", moves.unanswered(row, self._now())
            case Declined():
                outcome, after = "declined", await self._declined(row, answer)
            case NotSent():
                outcome, after = "withheld", moves.withheld(row, self._now())
        self._metrics.orders.labels(row.event.kind, outcome).inc()
        if not await self._store.move(row, after):
            await self._store.hurry(row.id, self._now())
        elif after.event.sequence > row.event.sequence:
            await self._teller.tell([after])

    async def _declined(self, row: Row, answer: Declined) -> Row:
        """Strex says no: because it has it already, or because it does not want it. A look tells, but for what may have
        been asked for before: that may be taken and not shown yet.
        """
        sight = await self._client.look(place_of(row.event.kind, row.event.transaction_id))
        match sight:
            case Missing() if row.event.sequence:
                return moves.later(row, self._now())
            case Missing():
                return moves.refused(row, f"declined_{answer.status}", self._now())
            case NoAnswer():
                return moves.unanswered(row, self._now())
            case seen:
                return moves.found(row, meaning(seen, row.event.kind), self._now())

    def _now(self) -> datetime:
        return moves.milliseconds(self._clock.now())
