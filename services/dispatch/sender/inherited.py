"""What a predecessor began and had no outcome for: waits here until no answer can come to anybody."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime

from services.dispatch.sender.held import HeldLeases
from services.dispatch.sender.ledger import AttemptKey, Outcome
from services.dispatch.sender.work import Attempt
from shared.clock import Clock
from shared.tasks import end

_LOOK_SECONDS = 0.5

Outcomes = Callable[[Sequence[AttemptKey]], Awaitable[Mapping[AttemptKey, Outcome]]]
GoOn = Callable[[Attempt, Outcome | None], None]


class Inherited:
    """Attempts of other epochs without outcome, each until its outcome is on record or the response timeout is over.

    Nobody has written a PDU under an earlier epoch since this process took the lease, so a predecessor that still
    lives has its answer, or its timeout, at most a response timeout after that. (Its own clock does not matter.) The
    predecessor may die at any moment, so what is unknown by then stays so. They do not count as unresolved here.
    """

    def __init__(self, leases: HeldLeases, outcomes: Outcomes, clock: Clock, response_timeout: float) -> None:
        """`outcomes` reads the ledger, however long that takes. `go_on` is set by whoever knows what follows: from an
        outcome, or from none (then it is unknown).
        """
        self.go_on: GoOn = lambda _attempt, _outcome: None
        self._leases = leases
        self._outcomes = outcomes
        self._clock = clock
        self._response_timeout = response_timeout
        self._waiting: list[Attempt] = []
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._run(), name="inherited attempts")

    async def stop(self) -> None:
        """End; the records of what waits are not finished."""
        if self._task is not None:
            await end(self._task)
            self._task = None

    async def wait(self) -> None:
        """Return or raise when the looking ended by itself."""
        if self._task is not None:
            await asyncio.shield(self._task)

    def add(self, attempt: Attempt) -> None:
        """An attempt with somebody else's intent and no outcome."""
        self._waiting.append(attempt)
        self._arrived.set()

    def begun_since(self) -> datetime | None:
        """The oldest intent among what waits."""
        return min((attempt.intent.at for attempt in self._waiting if attempt.intent is not None), default=None)

    async def _run(self) -> None:
        while True:
            await self._arrived.wait()
            await self._look()
            if self._waiting:
                await asyncio.sleep(_LOOK_SECONDS)
            else:
                self._arrived.clear()

    async def _look(self) -> None:
        """Go on with what has an outcome or is over; let go of what belongs to partitions that go, or are gone."""
        gone: set[Attempt] = set()
        ours: list[Attempt] = []
        for attempt in self._waiting:
            if attempt.parcel.closing:
                attempt.parcel.part_left()
                gone.add(attempt)
            elif self._leases.wants(attempt.parcel.lease_id):
                ours.append(attempt)
            else:
                gone.add(attempt)
        over = {attempt for attempt in ours if self._is_over(attempt)}
        known = await self._outcomes([attempt.key for attempt in ours]) if ours else {}
        for attempt in ours:
            outcome = known.get(attempt.key)
            if outcome is not None or attempt in over:
                self.go_on(attempt, outcome)
                gone.add(attempt)
        self._waiting = [attempt for attempt in self._waiting if attempt not in gone]

    def _is_over(self, attempt: Attempt) -> bool:
        """Whether no answer to it can come any more. Without the lease nobody here knows."""
        taken_at = self._leases.taken_at(attempt.parcel.lease_id)
        return taken_at is not None and self._clock.monotonic() >= taken_at + self._response_timeout
