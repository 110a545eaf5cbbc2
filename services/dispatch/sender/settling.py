"""The second half of a sender: outcomes become durable, what is unknown is left to the sweeper, then all is told."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial

import msgspec

from services.dispatch.sender.insisting import A, insist
from services.dispatch.sender.lease import Lease
from services.dispatch.sender.ledger import ANSWERS, CLOSED, NOT_TAKEN, AttemptKey, Ledger, Outcome, OutcomeKind
from services.dispatch.sender.metrics import SenderMetrics
from services.dispatch.sender.telling import Teller
from services.dispatch.sender.work import Attempt, Settled
from services.dispatch.unknowns.store import Unknown, UnknownStore
from shared.clock import Clock
from shared.contracts.codes import Reason
from shared.contracts.words import FactKind, Lane
from shared.kafka.lingering import linger
from shared.kafka.sending import Sender
from shared.tasks import end

_A_MOMENT, _ROWS = 0.002, 32
"""Outcomes wait for company while more come, for less time than what is told of them: until theirs is on record, parts
count as unresolved."""


class Settler:
    """Settles what the submitter of one operator has begun.

    Outcomes are written while the facts of those before them are told. An attempt is open from just before its intent
    until its outcome is on record. `changed` is notified after each batch.
    """

    def __init__(
        self,
        operator: str,
        ledger: Ledger,
        sender: Sender,
        unknowns: UnknownStore,
        partitions: int,
        clock: Clock,
        metrics: SenderMetrics,
        *,
        response_timeout: timedelta,
        receipt_time: timedelta,
    ) -> None:
        """What is unknown may be closed without an answer when the response timeout of its intent is over, and then
        the time that a receipt may take.

        `try_again` is set by whoever makes the next attempt after one that was not taken.
        """
        self.try_again: Callable[[Attempt], None] = lambda _: None
        self.changed = asyncio.Condition()
        self._operator = operator
        self._ledger = ledger
        self._teller = Teller(operator, sender, partitions, clock, self.notify)
        self._unknowns = unknowns
        self._response_timeout = response_timeout
        self._receipt_time = receipt_time
        self._clock = clock
        self._outcomes = {kind: metrics.outcomes.labels(operator, kind) for kind in OutcomeKind}
        self._seconds = {lane: metrics.seconds_to_submit.labels(operator, lane) for lane in Lane}
        self._open: dict[AttemptKey, datetime] = {}
        self._settled: list[Settled] = []
        self._settling = 0
        self._arrived = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        metrics.unresolved.labels(operator).set_function(lambda: len(self._open))

    @property
    def unresolved(self) -> int:
        """Attempts that are open: at most these have an intent and no outcome."""
        return len(self._open)

    def settled_before(self) -> datetime:
        """Every intent written before this time has its outcome on record."""
        return min(self._open.values(), default=self._clock.now())

    def start(self) -> None:
        """Begin to settle."""
        loops = (("outcomes", self._settle_all()), ("facts", self._teller.run()))
        self._tasks = [asyncio.create_task(loop, name=f"{what} {self._operator}") for what, loop in loops]

    async def stop(self, deadline: float) -> None:
        """Settle what has an answer, for at most `deadline` seconds, and end."""
        if not self._tasks:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(deadline), self.changed:
                # Late answers are of attempts that are not open any more.
                await self.changed.wait_for(
                    lambda: not (self._open or self._settled or self._settling or self._teller.untold)
                )
        await end(*self._tasks)
        self._tasks = []

    async def wait(self) -> None:
        """Return or raise when settling ended by itself."""
        if self._tasks:
            ended, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()

    def is_open(self, attempt: Attempt) -> bool:
        """Whether an attempt of the same key is open: this one, or that of another copy of its record."""
        return attempt.key in self._open

    def open(self, attempt: Attempt, at: datetime) -> None:
        """An intent is about to be written."""
        self._open[attempt.key] = at

    def close(self, attempt: Attempt) -> None:
        """An attempt that came to nothing is open no more; its record is not finished by it."""
        self._open.pop(attempt.key, None)

    async def notify(self) -> None:
        """Tell whoever waits on `changed` to look again."""
        async with self.changed:
            self.changed.notify_all()

    def note(self, settled: Settled) -> None:
        """An attempt has an outcome."""
        self._settled.append(settled)
        self._arrived.set()

    def end(self, attempt: Attempt, kind: FactKind, code: Reason) -> None:
        """A part ends without an attempt at it."""
        self._teller.end(attempt, kind, code)

    def leave(self, attempt: Attempt) -> None:
        """Somebody else's for good: its part is done here, and nothing is told."""
        self.close(attempt)
        attempt.parcel.part_done()

    async def record(self, outcomes: Sequence[Outcome]) -> Mapping[str, Outcome]:
        """Put outcomes on record, however long the store needs. The answer is the ledger's."""
        return await self._insist("outcomes_not_written", len(outcomes), partial(self._ledger.settle, outcomes))

    async def outcomes(self, keys: Sequence[AttemptKey]) -> Mapping[AttemptKey, Outcome]:
        """What is on record of attempts, however long the store needs."""
        return await self._insist("outcomes_not_read", len(keys), partial(self._ledger.outcomes, keys))

    async def left_open(self, lease: Lease) -> Mapping[AttemptKey, datetime]:
        """What predecessors under a lease left without outcome, however long the store needs."""
        read = partial(self._ledger.left_open, lease.id, lease.epoch, lease.settled_before)
        return await self._insist("intents_not_read", 1, read)

    async def _insist(self, event: str, count: int, act: Callable[[], Awaitable[A]]) -> A:
        return await insist(event, act, operator=self._operator, count=count)

    async def _settle_all(self) -> None:
        """Outcomes on record, one batch after the other, for ever: then their attempts are open no more."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            await linger(lambda: len(self._settled), _ROWS, _A_MOMENT)
            settled, self._settled = self._settled, []
            self._settling = len(settled)
            await self._make_durable(settled)
            if unknown := [one for one in settled if one.outcome.kind is OutcomeKind.UNKNOWN and not one.late]:
                await self._keep(unknown)
            self._count(settled)
            over = []
            for one in settled:
                if not one.late:
                    self._open.pop(one.attempt.key, None)
                if one.outcome.kind in NOT_TAKEN and not one.late:
                    self.try_again(one.attempt.next())
                else:
                    over.append(one)
            self._teller.tell(over)
            self._settling = 0
            await self.notify()

    async def _make_durable(self, settled: Sequence[Settled]) -> None:
        """Give all of them the outcome that is on record.

        Where somebody else settled an attempt first, his outcome counts; but an answer closes his unknown, and where
        the sweeper was first it is told all the same: the operator did take the part, or did not.
        """
        new = [one for one in settled if not one.durable]
        stood = await self.record([one.outcome for one in new]) if new else {}
        if not stood:
            return
        closing = []
        for one in new:
            other = stood.get(one.outcome.row_id, one.outcome)
            if other.kind is OutcomeKind.UNKNOWN and one.outcome.kind in ANSWERS:
                one.outcome = msgspec.structs.replace(one.outcome, late=True)
                closing.append(one)
            elif other.kind not in CLOSED or one.outcome.kind not in ANSWERS:
                one.outcome = other
        if closing:
            stood = await self.record([one.outcome for one in closing])
            for one in closing:
                other = stood.get(one.outcome.row_id, one.outcome)
                if other.kind not in CLOSED:
                    one.outcome = other

    async def _keep(self, unknown: Sequence[Settled]) -> None:
        """Leave what is unknown to the sweeper, before the record is finished.

        The times that he goes by are the database's. The intent may be of another machine, whose clock is believed for
        no more than the response timeout; receipts are looked for from well before it on.
        """
        now = await self._insist("store_not_asked", len(unknown), self._unknowns.now)
        known_after = self._response_timeout + self._receipt_time
        rows = []
        for one in unknown:
            attempt, parcel = one.attempt, one.attempt.parcel
            intended = one.outcome.at if attempt.intent is None else attempt.intent.at
            passed = min(max(one.outcome.at - intended, timedelta()), self._response_timeout)
            rows.append(
                Unknown(
                    key=attempt.key,
                    order=parcel.order,
                    parts=attempt.part.numbers,
                    attempt=attempt.number,
                    link=one.outcome.link,
                    since=min(intended, now - known_after),
                    at=one.outcome.at,
                    due_at=now + known_after - passed,
                    cause=parcel.cause,
                    traceparent=parcel.traceparent,
                )
            )
        await self._insist("unknown_not_kept", len(rows), partial(self._unknowns.note, rows))

    def _count(self, settled: Sequence[Settled]) -> None:
        """Count what is new; a replay was counted in its first life."""
        new = [one for one in settled if not one.durable]
        for kind, count in Counter(one.outcome.kind for one in new).items():
            self._outcomes[kind].inc(count)
        for one in new:
            if one.outcome.kind is OutcomeKind.SUBMITTED:
                message = one.attempt.parcel.order.message
                self._seconds[message.lane].observe((one.outcome.at - message.requested_at).total_seconds())
