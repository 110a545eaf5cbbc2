"""One operator's sender: intent, PDU, outcome, fact, in this order for every part (architecture: "The sender").

1. An intent row for each part, majority and journaled, in bulk for as many as may be unresolved at once.
2. The PDU, only while the lease is valid and the intent's insert was acknowledged less than two seconds ago.
3. An outcome row: submitted, refused, unknown (link lost or no answer in time), or withheld (never written).
4. The fact on `sms.facts`. Only then is the record finished.

Die after 1: a replay finds the intent without outcome and calls it unknown. Die after 2: the same. Die after 3: the
replay finds the outcome and tells the same fact. Die after 4: it tells it again, with the same id.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime

from services.dispatch.sender.facts import FactWriter
from services.dispatch.sender.held import HeldLeases
from services.dispatch.sender.ledger import AttemptKey, Intent, Ledger, Outcome, OutcomeKind
from services.dispatch.sender.metrics import SenderMetrics
from services.dispatch.sender.receipts import SentMemory
from services.dispatch.sender.work import Attempt, Parcel, Settled
from shared.clock import Clock
from shared.contracts.codes import Reason
from shared.contracts.words import FactKind
from shared.errors import TryLater
from shared.kafka.record import Output
from shared.kafka.sending import Sender
from shared.smpp.errors import NotBound, UnencodablePdu, WindowFull
from shared.smpp.link import Link
from shared.smpp.results import Accepted, Refused, SubmitResult
from shared.telemetry.logs import get_log

_log = get_log()

FRESH_SECONDS = 2.0
"""An intent older than this is not acted on: it is withheld, and the part tried anew."""

_PAUSE_SECONDS = 0.5
_LONGEST_WAIT = 1.0


class Submitter:
    """Takes attempts of all lanes of one operator through the four steps.

    At most `most_unresolved` attempts have an intent and no outcome: this is U, the number of parts that may go twice
    after a crash once unknown ones are sent again.
    """

    def __init__(
        self,
        operator: str,
        link_name: str,
        link: Link,
        ledger: Ledger,
        leases: HeldLeases,
        memory: SentMemory,
        sender: Sender,
        facts: FactWriter,
        clock: Clock,
        metrics: SenderMetrics,
        *,
        most_unresolved: int,
    ) -> None:
        self._operator = operator
        self._link_name = link_name
        self._link = link
        self._ledger = ledger
        self._leases = leases
        self._memory = memory
        self._sender = sender
        self._facts = facts
        self._clock = clock
        self._metrics = metrics
        self._most_unresolved = most_unresolved
        self._open: dict[AttemptKey, datetime] = {}
        self._settled: list[Settled] = []
        self._ended: list[tuple[Parcel, Output]] = []
        self._changed = asyncio.Event()
        self._room = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        metrics.unresolved.labels(operator).set_function(lambda: len(self._open))
        metrics.leases_missing.labels(operator).set_function(lambda: leases.missing)

    def start(self) -> None:
        """Begin to settle."""
        self._task = asyncio.create_task(self._settle_all(), name=f"outcomes {self._operator}")

    async def stop(self, deadline: float) -> None:
        """Settle what has an answer, for at most `deadline` seconds, and end."""
        if self._task is None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(deadline), self._room:
                await self._room.wait_for(lambda: not self._open and not self._settled and not self._ended)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None

    async def wait(self) -> None:
        """Return or raise when settling ended by itself."""
        if self._task is not None:
            await asyncio.shield(self._task)

    def settled_before(self) -> datetime:
        """Every intent written before this time has its outcome on record."""
        return min(self._open.values(), default=self._clock.now())

    async def submit(self, attempts: Iterable[Attempt]) -> None:
        """Take attempts up to the written PDU; return when all are written (or need no PDU any more).

        The outcomes follow on their own. While the link is down this waits; what outlives its validity here ends as
        expired without an intent.
        """
        waiting = deque(attempts)
        while waiting:
            chunk = await self._next_chunk(waiting)
            if chunk:
                waiting.extendleft(reversed(await self._submit_chunk(chunk)))

    async def _next_chunk(self, waiting: deque[Attempt]) -> Sequence[Attempt]:
        """As many attempts as may become unresolved now, all of partitions whose lease is held."""
        room = await self._wait_for_room(waiting)
        now = self._clock.now()
        chunk: list[Attempt] = []
        while waiting and len(chunk) < room:
            attempt = waiting[0]
            if attempt.parcel.order.message.valid_until <= now:
                self._expire(waiting.popleft())
                continue
            if self._leases.epoch_of(attempt.parcel.lease_id) is None:
                if not chunk:
                    await self._leases.wait_for(attempt.parcel.lease_id)
                break
            chunk.append(waiting.popleft())
        return chunk

    async def _wait_for_room(self, waiting: deque[Attempt]) -> int:
        """Wait until the link is up and another attempt may be unresolved; expire what waits too long meanwhile."""
        while not (self._link.up and (room := self._most_unresolved - len(self._open)) > 0):
            async with self._room:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._room.wait(), _LONGEST_WAIT)
            now = self._clock.now()
            while waiting and waiting[0].parcel.order.message.valid_until <= now:
                self._expire(waiting.popleft())
            if not waiting:
                return 0
        return room

    async def _submit_chunk(self, chunk: Sequence[Attempt]) -> Sequence[Attempt]:
        """Intents, then PDUs. Returns the attempts that must be made anew, as the next attempt."""
        now = self._clock.now()
        intents = []
        for attempt in chunk:
            epoch = self._leases.epoch_of(attempt.parcel.lease_id)
            if epoch is None:
                return chunk
            attempt.link = self._link_name
            intents.append(Intent(attempt.key, attempt.parcel.lease_id, epoch, self._link_name, now))
        for attempt in chunk:
            self._open[attempt.key] = now
        known = await self._intend(intents)
        acknowledged = self._clock.monotonic()
        again: list[Attempt] = []
        for attempt in chunk:
            if attempt.key in known:
                again.extend(self._take_up(attempt, known[attempt.key], now))
                continue
            attempt.intended_at = acknowledged
            if not await self._write(attempt):
                self._settle(attempt, OutcomeKind.WITHHELD)
                again.append(attempt.next())
        return again

    async def _intend(self, intents: Sequence[Intent]) -> dict[AttemptKey, Outcome | None]:
        """Write intents, however long the store needs. An insert that may or may not have happened is ours anyway.

        Rows that stand there after a failed insert of this very call were written by it: they are not replays.
        """
        first = True
        while True:
            try:
                known = dict(await self._ledger.intend(intents))
            except TryLater as error:
                _log.warning("intents_not_written", operator=self._operator, code=error.code, count=len(intents))
                first = False
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            if first:
                return known
            return {key: outcome for key, outcome in known.items() if outcome is not None}

    def _take_up(self, attempt: Attempt, outcome: Outcome | None, now: datetime) -> Sequence[Attempt]:
        """A replay: go on from what the ledger says. An intent without outcome is unknown, and stays so here."""
        if outcome is not None and outcome.kind is OutcomeKind.WITHHELD:
            del self._open[attempt.key]
            return (attempt.next(),)
        durable = outcome is not None
        if outcome is None:
            outcome = Outcome(attempt.key, OutcomeKind.UNKNOWN, now, self._link_name)
        self._note(Settled(attempt, outcome, durable=durable))
        return ()

    async def _write(self, attempt: Attempt) -> bool:
        """Write the PDU if that is still allowed; whether it was."""
        while (bind := self._link.free_bind()) is None:
            left = attempt.intended_at + FRESH_SECONDS - self._clock.monotonic()
            if left <= 0:
                return False
            try:
                async with asyncio.timeout(left):
                    await self._link.slot()
            except (TimeoutError, NotBound):
                return False
        fresh = self._clock.monotonic() - attempt.intended_at < FRESH_SECONDS
        if not fresh or self._leases.epoch_of(attempt.parcel.lease_id) is None:
            return False
        try:
            bind.send(attempt.part.pdu, attempt, self._on_result)
        except UnencodablePdu:
            self._settle(attempt, OutcomeKind.REFUSED)
        except (NotBound, WindowFull):
            return False
        return True

    def _on_result(self, attempt: Attempt, result: SubmitResult) -> None:
        """The operator's answer, inside the read that brought it."""
        if isinstance(result, Accepted):
            operator_id = result.message_id.decode("latin-1")
            self._memory.remember(self._link_name, operator_id, attempt)
            self._settle(attempt, OutcomeKind.SUBMITTED, operator_id=operator_id)
        elif isinstance(result, Refused):
            self._settle(attempt, OutcomeKind.REFUSED, status=result.status)
        else:
            self._settle(attempt, OutcomeKind.UNKNOWN)

    def _settle(
        self, attempt: Attempt, kind: OutcomeKind, *, operator_id: str | None = None, status: int | None = None
    ) -> None:
        outcome = Outcome(attempt.key, kind, self._clock.now(), self._link_name, operator_id, status)
        self._note(Settled(attempt, outcome, durable=False))

    def _note(self, settled: Settled) -> None:
        self._settled.append(settled)
        self._changed.set()

    def end(self, parcel: Parcel, kind: FactKind, code: Reason, part: int = 0) -> None:
        """A part of a parcel, or the whole (`part` 0), ends without an attempt at it."""
        self._ended.append((parcel, self._facts.of_end(parcel, kind, code, self._clock.now(), part)))
        self._changed.set()

    def _expire(self, attempt: Attempt) -> None:
        self.end(attempt.parcel, FactKind.EXPIRED, Reason.VALIDITY_OVER, attempt.part.number)

    async def _settle_all(self) -> None:
        """Outcomes become durable, facts are told, records are finished: one batch after the other, for ever."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            settled, self._settled = self._settled, []
            ended, self._ended = self._ended, []
            new = [one.outcome for one in settled if not one.durable]
            while new:
                try:
                    await self._ledger.settle(new)
                    break
                except TryLater as error:
                    _log.warning("outcomes_not_written", operator=self._operator, code=error.code, count=len(new))
                    await asyncio.sleep(_PAUSE_SECONDS)
            told = [one for one in settled if one.outcome.kind is not OutcomeKind.WITHHELD]
            await self._tell(
                [*(self._facts.of_outcome(one.attempt, one.outcome) for one in told), *(fact for _, fact in ended)]
            )
            for one in settled:
                self._open.pop(one.attempt.key, None)
                self._count(one)
            for one in told:
                one.attempt.parcel.part_done()
            for parcel, _ in ended:
                parcel.part_done()
            async with self._room:
                self._room.notify_all()

    async def _tell(self, outputs: Sequence[Output]) -> None:
        """Facts, until the broker has them."""
        while outputs:
            try:
                await self._sender.send(outputs)
                return
            except TryLater as error:
                _log.warning("facts_not_told", operator=self._operator, code=error.code, count=len(outputs))
                await asyncio.sleep(_PAUSE_SECONDS)

    def _count(self, settled: Settled) -> None:
        self._metrics.outcomes.labels(self._operator, settled.outcome.kind).inc()
        if settled.outcome.kind is OutcomeKind.SUBMITTED:
            message = settled.attempt.parcel.order.message
            self._metrics.seconds_to_submit.labels(self._operator, message.lane).observe(
                (settled.outcome.at - message.requested_at).total_seconds()
            )
