"""What a predecessor began and had no outcome for: waits here until no answer can come to anybody."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from services.dispatch.sender.held import HeldLeases
from services.dispatch.sender.lease import Lease
from services.dispatch.sender.ledger import AttemptKey, Outcome
from services.dispatch.sender.work import Attempt
from shared.clock import Clock
from shared.tasks import end

_LOOK_SECONDS = 0.5

GoOn = Callable[[Attempt, Outcome | None], None]


class Records(Protocol):
    """The ledger, however long it takes to read."""

    def outcomes(self, keys: Sequence[AttemptKey]) -> Awaitable[Mapping[AttemptKey, Outcome]]:
        """The outcomes that are on record."""
        ...

    def left_open(self, lease: Lease) -> Awaitable[Mapping[AttemptKey, datetime]]:
        """Intents of earlier epochs without outcome, with their times."""
        ...


class _Owed(NamedTuple):
    lease: str
    at: datetime


class Inherited:
    """Attempts of other epochs without outcome, each until its outcome is on record or the response timeout is over.

    Nobody has written a PDU under an earlier epoch since this process took the lease, so a predecessor that still
    lives has its answer, or its timeout, at most a response timeout after that. (Its own clock does not matter.) The
    predecessor may die at any moment, so what is unknown by then stays so. They do not count as unresolved here.

    Their records come again from the topic, sooner or later. What they are is read from the ledger as soon as a lease
    is taken, from the predecessor's `settled_before` on, so that ours stays before them until then.
    """

    def __init__(self, leases: HeldLeases, records: Records, clock: Clock, response_timeout: float) -> None:
        """`go_on` is set by whoever knows what follows: from an outcome, or from none (then it is unknown)."""
        self.go_on: GoOn = lambda _attempt, _outcome: None
        self._leases = leases
        self._records = records
        self._clock = clock
        self._response_timeout = response_timeout
        self._taken: list[Lease] = []
        self._owed: dict[AttemptKey, _Owed] = {}
        self._waiting: list[Attempt] = []
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        leases.on_taken = self._take

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def owed(self) -> int:
        """How many attempts of predecessors have no outcome yet, as far as is known."""
        return len(self._owed)

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

    def settled_before(self) -> datetime:
        """Every intent of a predecessor that was written before this time has its outcome on record."""
        times = [lease.settled_before for lease in self._taken] + [owed.at for owed in self._owed.values()]
        return min(times, default=self._clock.now())

    def _take(self, lease: Lease) -> None:
        """A lease was taken: find out what is open under it."""
        self._taken.append(lease)
        self._arrived.set()

    async def _run(self) -> None:
        while True:
            await self._arrived.wait()
            await self._read_taken()
            await self._look()
            if self._waiting or self._owed or self._taken:
                await asyncio.sleep(_LOOK_SECONDS)
            else:
                self._arrived.clear()

    async def _read_taken(self) -> None:
        for lease in list(self._taken):
            left_open = await self._records.left_open(lease)
            self._owed |= {key: _Owed(lease.id, at) for key, at in left_open.items()}
            self._taken.remove(lease)

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
        keys = {*self._owed, *(attempt.key for attempt in ours)}
        known = await self._records.outcomes(list(keys)) if keys else {}
        for attempt in ours:
            outcome = known.get(attempt.key)
            if outcome is not None or attempt in over:
                self.go_on(attempt, outcome)
                gone.add(attempt)
        self._waiting = [attempt for attempt in self._waiting if attempt not in gone]
        self._owed = {
            key: owed for key, owed in self._owed.items() if key not in known and self._leases.wants(owed.lease)
        }

    def _is_over(self, attempt: Attempt) -> bool:
        """Whether no answer to it can come any more. Without the lease nobody here knows."""
        taken_at = self._leases.taken_at(attempt.parcel.lease_id)
        return taken_at is not None and self._clock.monotonic() >= taken_at + self._response_timeout
