"""The second half of a sender: outcomes become durable, then facts are told, then records are finished."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime

import msgspec

from services.dispatch.sender.facts import FactWriter
from services.dispatch.sender.ledger import ANSWERS, NOT_TAKEN, AttemptKey, Ledger, Outcome, OutcomeKind
from services.dispatch.sender.metrics import SenderMetrics
from services.dispatch.sender.work import Attempt, Parcel, Settled
from shared.clock import Clock
from shared.contracts.codes import Reason
from shared.contracts.words import FactKind, Lane
from shared.errors import TryLater
from shared.kafka.record import Output
from shared.kafka.sending import Sender
from shared.tasks import end
from shared.telemetry.logs import get_log

_log = get_log()

PAUSE_SECONDS = 0.5
"""Between two tries at a store or a broker that is away."""


class Settler:
    """Settles what the submitter of one operator has begun.

    An attempt is open from just before its intent until its fact is told. `changed` is notified after each batch.
    """

    def __init__(
        self,
        operator: str,
        ledger: Ledger,
        sender: Sender,
        facts: FactWriter,
        clock: Clock,
        metrics: SenderMetrics,
    ) -> None:
        """`try_again` is set by whoever makes the next attempt after one that was not taken."""
        self.try_again: Callable[[Attempt], None] = lambda _: None
        self.changed = asyncio.Condition()
        self._operator = operator
        self._ledger = ledger
        self._sender = sender
        self._facts = facts
        self._clock = clock
        self._outcomes = {kind: metrics.outcomes.labels(operator, kind) for kind in OutcomeKind}
        self._seconds = {lane: metrics.seconds_to_submit.labels(operator, lane) for lane in Lane}
        self._open: dict[AttemptKey, datetime] = {}
        self._settled: list[Settled] = []
        self._ended: list[tuple[Parcel, Sequence[Output]]] = []
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
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
        self._task = asyncio.create_task(self._run(), name=f"outcomes {self._operator}")

    async def stop(self, deadline: float) -> None:
        """Settle what has an answer, for at most `deadline` seconds, and end."""
        if self._task is None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(deadline), self.changed:
                await self.changed.wait_for(lambda: not self._open and not self._settled and not self._ended)
        await end(self._task)
        self._task = None

    async def wait(self) -> None:
        """Return or raise when settling ended by itself."""
        if self._task is not None:
            await asyncio.shield(self._task)

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
        parcel = attempt.parcel
        now = self._clock.now()
        facts = [self._facts.of_end(parcel, kind, code, now, part) for part in attempt.part.numbers]
        self._ended.append((parcel, facts))
        self._arrived.set()

    async def record(self, outcomes: Sequence[Outcome]) -> Mapping[str, Outcome]:
        """Put outcomes on record, however long the store needs. The answer is the ledger's."""
        while True:
            try:
                return await self._ledger.settle(outcomes)
            except TryLater as error:
                _log.warning("outcomes_not_written", operator=self._operator, code=error.code, count=len(outcomes))
                await asyncio.sleep(PAUSE_SECONDS)

    async def _run(self) -> None:
        """One batch after the other, for ever."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            settled, self._settled = self._settled, []
            ended, self._ended = self._ended, []
            await self._make_durable(settled)
            told = [one for one in settled if one.outcome.kind not in NOT_TAKEN]
            await self._tell(
                [
                    *(fact for one in told for fact in self._facts.of_outcome(one.attempt, one.outcome)),
                    *(fact for _, facts in ended for fact in facts),
                ]
            )
            self._count(settled)
            for one in settled:
                if one.late:
                    continue
                self._open.pop(one.attempt.key, None)
                if one.outcome.kind in NOT_TAKEN:
                    self.try_again(one.attempt.next())
                else:
                    one.attempt.parcel.part_done()
            for parcel, _ in ended:
                parcel.part_done()
            await self.notify()

    async def _make_durable(self, settled: Sequence[Settled]) -> None:
        """Give all of them the outcome that is on record.

        Where somebody else settled an attempt first, his outcome counts; but an answer closes his unknown.
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
            else:
                one.outcome = other
        if closing:
            stood = await self.record([one.outcome for one in closing])
            for one in closing:
                one.outcome = stood.get(one.outcome.row_id, one.outcome)

    async def _tell(self, outputs: Sequence[Output]) -> None:
        """Facts, until the broker has them."""
        while outputs:
            try:
                await self._sender.send(outputs)
                return
            except TryLater as error:
                _log.warning("facts_not_told", operator=self._operator, code=error.code, count=len(outputs))
                await asyncio.sleep(PAUSE_SECONDS)

    def _count(self, settled: Sequence[Settled]) -> None:
        """Count what is new; a replay was counted in its first life."""
        new = [one for one in settled if not one.durable]
        for kind, count in Counter(one.outcome.kind for one in new).items():
            self._outcomes[kind].inc(count)
        for one in new:
            if one.outcome.kind is OutcomeKind.SUBMITTED:
                message = one.attempt.parcel.order.message
                self._seconds[message.lane].observe((one.outcome.at - message.requested_at).total_seconds())
