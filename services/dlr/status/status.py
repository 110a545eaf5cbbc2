"""The role `status`: requests, facts and receipts in; the message log and `sms.events` out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import TypeAlias

import msgspec

from services.dlr.status.eager import Eager
from services.dlr.status.fold import Asked, fold
from services.dlr.status.heard import Heard, Input, Orphan
from services.dlr.status.matching import Matching
from services.dlr.status.message import Message, Move, Report, Step, stub
from services.dlr.status.metrics import StatusMetrics
from services.dlr.status.recent import Recent
from services.dlr.status.store import MessageStore
from services.dlr.status.tell import EventWriter
from shared.contracts.events import OperatorReceipt
from shared.contracts.states import PASSING, State
from shared.errors import TryLater
from shared.ids import AccountId, MessageId
from shared.kafka.at_least_once import Finish
from shared.kafka.record import Output, Received
from shared.telemetry.histograms import observe_all
from shared.telemetry.logs import get_log

_log = get_log()

Send: TypeAlias = Callable[[Sequence[Output]], Awaitable[None]]
"""Returns when all is acknowledged; raises `TryLater`."""

_MOST_ROUNDS = 5
_NOT_APPLIED = frozenset({Move.BACKWARDS, Move.UNPLACED})


class Result(msgspec.Struct, frozen=True, gc=False):
    """One message after all that a batch says of it. `before` is the version that the store has, 0 for none. Quiet
    steps are among those `told`: with the next one of the message that is not.
    """

    before: int
    message: Message
    told: tuple[Step, ...]
    moves: tuple[tuple[Move, Heard], ...]


class Status:
    """Folds batches. Order of effects: document, event, offset.

    Idempotent by the ids of what comes in: a batch replayed after a crash writes nothing and tells the same events
    with the same ids. Another member's write makes a conflict; those messages are loaded and folded again.
    """

    def __init__(
        self,
        *,
        store: MessageStore,
        send: Send,
        events: EventWriter,
        matching: Matching,
        eager: Eager,
        metrics: StatusMetrics,
        recent: int,
    ) -> None:
        """`recent` is the number of messages kept in memory."""
        self._store = store
        self._send = send
        self._events = events
        self._matching = matching
        self._eager = eager
        self._metrics = metrics
        self._recent = Recent(recent)

    async def __call__(self, batch: Sequence[Received[Input]], finish: Finish[Input]) -> None:
        """Handle a batch and finish all of it, or raise `TryLater` and finish none."""
        with self._metrics.batch_seconds.time():
            heard: dict[MessageId, list[Heard]] = {}
            orphans: list[Received[OperatorReceipt]] = []
            for received in batch:
                if isinstance(received.event, Orphan):
                    orphans.append(Received(received.record, received.event.receipt))
                else:
                    heard.setdefault(received.event.message_id, []).append(received.event)
            results = await self._settle(heard)
            outputs = [
                output
                for result in results
                if result.told
                for output in self._events.outputs(result.message, result.told)
            ]
            if orphans:
                outputs += await self._matching.of_receipts(orphans)
            parked = await self._matching.of_messages([one.message for one in results if _may_be_waited_for(one)])
            outputs += parked.outputs
            if outputs:
                await self._send(outputs)
            await self._matching.drop(parked)
        self._count(results)
        for received in batch:
            finish(received)

    async def _settle(self, heard: dict[MessageId, list[Heard]]) -> list[Result]:
        """Fold and write until nobody else's write is in the way.

        A message whose request is in the batch is most likely new, so it is inserted without asking first.
        """
        settled: list[Result] = []
        found = {message_id: known for message_id in heard if (known := self._recent.get(message_id)) is not None}
        ask = {
            message_id
            for message_id, things in heard.items()
            if message_id not in found and all(thing.order for thing in things)
        }
        eager = await self._eager.of({thing.account_id for things in heard.values() for thing in things})
        for _ in range(_MOST_ROUNDS):
            if ask:
                found |= await self._store.load(ask)
            results = [
                _folded(found.get(message_id), message_id, things, eager) for message_id, things in heard.items()
            ]
            lost = await self._write(results)
            settled += [result for result in results if result.message.id not in lost]
            if not lost:
                return settled
            self._metrics.conflicts.inc(len(lost))
            heard = {message_id: things for message_id, things in heard.items() if message_id in lost}
            found, ask = {}, lost
        raise TryLater("message_contended", "other members write the same messages all the time")

    async def _write(self, results: Sequence[Result]) -> set[MessageId]:
        """Write what changed; returns the ids that somebody else wrote meanwhile."""
        changed = [result for result in results if result.message.version > result.before]
        lost = await self._store.save(
            new=[result.message for result in changed if not result.before],
            known=[(result.before, result.message) for result in changed if result.before],
        )
        for result in changed:
            self._recent.keep(result.message)
        self._recent.forget(lost)
        return lost

    def _count(self, results: Sequence[Result]) -> None:
        """Count by batch: a metric's label look-up costs as much as a fold."""
        moves = Counter([move for result in results for move, _ in result.moves])
        states = Counter(["corrected" if step.receipt else step.state for result in results for step in result.told])
        ages: dict[tuple[str, str], list[float]] = {}
        for result in results:
            if (request := result.message.request) is not None:
                for step in result.told:
                    age = (step.at - request.requested_at).total_seconds()
                    ages.setdefault((request.lane, step.state), []).append(age)
            for move, heard in result.moves:
                if move in _NOT_APPLIED and isinstance(heard.what, Report):
                    self._note(result.message, heard.what, move)
        for state, number in states.items():
            self._metrics.states.labels(state).inc(number)
        for move, number in moves.items():
            self._metrics.moves.labels(move).inc(number)
        for labels, samples in ages.items():
            observe_all(self._metrics.age_seconds.labels(*labels), samples)

    def _note(self, message: Message, report: Report, move: Move) -> None:
        self._metrics.backwards.labels(message.state, report.state).inc()
        _log.warning(
            "report_not_applied",
            move=move,
            message_id=message.id,
            fact=report.fact,
            state=message.state,
            claimed=report.state,
        )


def _may_be_waited_for(result: Result) -> bool:
    """Whether a receipt may wait for what was heard: a submission, or the request of one that was known before.

    Asked of what was heard, not of what it changed: a replay looks again.
    """
    return any(
        isinstance(heard.what, Asked) or (heard.what.state is State.SUBMITTED and heard.what.receipt is None)
        for _, heard in result.moves
    )


def _folded(
    message: Message | None, message_id: MessageId, things: Iterable[Heard], eager: Collection[AccountId]
) -> Result:
    """All that a batch says of one message: its request first, then facts, then receipts, each in their order.

    When it stands where it passes by itself, and nobody is `eager` to hear of it, its new steps are quiet.
    """
    ordered = sorted(things, key=lambda thing: thing.order)
    folded = message or stub(message_id, ordered[0].account_id)
    before = folded.version
    told: dict[int, Step] = {}
    moves = []
    for thing in ordered:
        outcome = fold(folded, thing.what)
        folded = outcome.message
        moves.append((outcome.move, thing))
        told |= {step.sequence: step for step in outcome.told}
    if folded.state in PASSING and folded.version > before and folded.account_id not in eager:
        folded, quiet = _quiet(folded, before)
        told |= quiet
    return Result(before, folded, tuple([told[sequence] for sequence in sorted(told)]), tuple(moves))


def _quiet(message: Message, before: int) -> tuple[Message, dict[int, Step]]:
    """The message with all steps behind a version quiet, and these by sequence."""
    history = tuple(
        [msgspec.structs.replace(step, quiet=True) if step.sequence > before else step for step in message.history]
    )
    quiet = {step.sequence: step for step in history if step.sequence > before}
    return msgspec.structs.replace(message, history=history), quiet
