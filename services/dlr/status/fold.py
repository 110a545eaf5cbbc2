"""The only place where a message's state is made: a message and one thing that came in give a new message.

Pure: no clock, no I/O. `Folded.told` are the steps that must reach `sms.events`, in order; a replay gives the same
steps again. A message whose request has not come is told nothing; what came early waits and is applied behind the
request, so its events are the same as in the other order.
"""

from __future__ import annotations

import msgspec

from services.dlr.status.message import (
    Charge,
    Message,
    Move,
    Note,
    Part,
    Report,
    Request,
    Step,
    Submission,
    operator_key,
    pack_parts,
)
from services.dlr.status.parts import place, state_of, whole
from shared.contracts.states import FINAL, State, may_move
from shared.ids import AccountId

_MOST_NOTES = 200
"""Bound of what one document remembers: an operator may repeat itself for ever."""

_OF_THE_WHOLE = frozenset({State.SCHEDULED, State.ACCEPTED, State.HELD})
_UNCHARGED = frozenset({State.SCHEDULED, State.ACCEPTED, State.HELD, State.QUEUED, State.UNKNOWN})


class Asked(msgspec.Struct, frozen=True, gc=False):
    """A send request: `fact` is its event id."""

    fact: str
    account_id: AccountId
    request: Request


class Folded(msgspec.Struct, frozen=True, gc=False):
    """The message after a fold, what to tell, and what came of it. An unchanged version needs no write."""

    message: Message
    told: tuple[Step, ...]
    move: Move


def fold(message: Message, incoming: Asked | Report) -> Folded:
    """Fold one thing into a message (`stub` for an unknown one), idempotent by `incoming.fact`."""
    fact = incoming.fact
    again = tuple([step for step in message.history if fact in (step.fact, step.by)])
    if again or fact in [note.fact for note in message.notes] or fact in [kept.fact for kept in message.waiting]:
        return Folded(message, again, Move.REPLAYED)
    if isinstance(incoming, Asked):
        return _ask(message, incoming)
    if message.request is None or not (incoming.parts or message.count):
        if incoming.receipt is not None and any(_alike(incoming, kept) for kept in message.waiting):
            return Folded(message, (), Move.REPEATED)
        return Folded(_wait(message, incoming), (), Move.WAITING)
    counted = message.count > 0
    changed, move = _apply(message, incoming, by=None)
    if not counted:
        changed = _apply_waiting(changed, by=fact)
    return Folded(changed, changed.history[len(message.history) :], move)


def _ask(message: Message, asked: Asked) -> Folded:
    if message.request is not None:
        return Folded(message, (), Move.REPEATED)
    version = message.version + 1
    step = Step(sequence=version, state=State.ACCEPTED, at=asked.request.requested_at, fact=asked.fact)
    known = msgspec.structs.replace(
        message,
        version=version,
        account_id=asked.account_id,
        state=State.ACCEPTED,
        request=asked.request,
        history=(step,),
    )
    known = _apply_waiting(known, by=asked.fact)
    return Folded(known, known.history, Move.APPLIED)


def _wait(message: Message, report: Report) -> Message:
    """Keep a report for later. What an operator calls a part is known at once, so that receipts find it."""
    return msgspec.structs.replace(
        message,
        version=message.version + 1,
        submissions=_submitted(message, report),
        waiting=(*message.waiting, report),
    )


def _alike(receipt: Report, kept: Report) -> bool:
    """Whether two receipts say the same: an operator may repeat itself for ever."""
    return (receipt.receipt, receipt.part, receipt.attempt, receipt.operator, receipt.operator_id) == (
        kept.receipt,
        kept.part,
        kept.attempt,
        kept.operator,
        kept.operator_id,
    )


def _apply_waiting(message: Message, by: str) -> Message:
    """Apply what waited: facts first, for they say how many parts there are."""
    waiting = sorted(message.waiting, key=lambda report: report.receipt is not None)
    message = msgspec.structs.replace(message, waiting=()) if waiting else message
    for report in waiting:
        if report.parts or message.count:
            message, _ = _apply(message, report, by=by)
        else:
            message = _wait(message, report)
    return message


def _apply(message: Message, report: Report, by: str | None) -> tuple[Message, Move]:
    """Apply a report to a message whose request is known."""
    version = message.version + 1
    count = max(message.count, report.parts)
    if report.state in _OF_THE_WHOLE:
        parts, state, decides = message.parts, report.state, None
        move = Move.REPEATED if state is message.state else Move.BACKWARDS
    else:
        parts, move = _placed(message, report, count)
        decides = whole(parts) if parts else None
        state = state_of(parts, decides) if decides is not None else message.state
    step: Step | None = None
    if may_move(message.state, state):
        move, step = Move.APPLIED, _step(version, state, report, decides, by)
    elif report.receipt is not None and move is Move.BACKWARDS and message.state in FINAL:
        parts, step = _corrected(message, report, version, by)
        move = Move.CORRECTED if step is not None else Move.BACKWARDS
    elif move is Move.REPEATED and count == message.count:
        return message, move
    country = message.country or report.country
    if step is not None:
        step = _with_parts(step, parts, country)
    changed = msgspec.structs.replace(
        message,
        version=version,
        state=message.state if step is None else step.state,
        count=count,
        country=country,
        parts=parts,
        submissions=message.submissions if move is Move.UNPLACED else _submitted(message, report),
        history=message.history if step is None else (*message.history, step),
        notes=_noted(message, report, move) if step is None else message.notes,
    )
    return changed, move


def _placed(message: Message, report: Report, count: int) -> tuple[tuple[Part, ...], Move]:
    """All parts after a report on some of them. Part 0 of a fact means every part that no operator has taken."""
    number = _part_number(message, report, count)
    if number > count or (number == 0 and report.receipt is not None):
        return message.parts, Move.UNPLACED
    parts = list(message.parts)
    parts += [
        Part(part=new, at=report.at, operator=report.operator, route_id=report.route_id)
        for new in range(len(parts) + 1, count + 1)
    ]
    moves = set()
    for index, part in enumerate(parts):
        if part.part == number or (number == 0 and not part.taken and part.state not in FINAL):
            attempt = report.attempt or part.attempt
            known = (part.part, attempt) in [(one.part, one.attempt) for one in message.submissions]
            parts[index], move = place(part, report, submission_known=known)
            moves.add(move)
    for move in (Move.APPLIED, Move.LATE, Move.REPEATED):
        if move in moves:
            return tuple(parts), move
    return tuple(parts), Move.BACKWARDS


def _part_number(message: Message, report: Report, count: int) -> int:
    """The part that a report speaks of; a receipt that does not say is placed by the operator's id."""
    if report.receipt is None or report.part:
        return report.part
    if count == 1:
        return 1
    key = operator_key(report.operator or "", report.operator_id or "")
    return next((one.part for one in message.submissions if one.key == key), 0)


def _corrected(message: Message, report: Report, version: int, by: str | None) -> tuple[tuple[Part, ...], Step | None]:
    """A receipt against the final state of its message: it proves that an operator took the part.

    Says nothing new: what a step has corrected already, or that a part once was on its way.
    """
    number = _part_number(message, report, message.count)
    part = message.parts[number - 1]
    said = any(step.receipt is report.receipt and step.part == number for step in message.history)
    if said or (part.taken and report.state not in FINAL):
        return message.parts, None
    parts = list(message.parts)
    parts[number - 1] = msgspec.structs.replace(
        part, taken=True, operator=report.operator or part.operator, route_id=report.route_id or part.route_id
    )
    step = Step(
        sequence=version,
        state=message.state,
        at=report.at,
        fact=report.fact,
        by=by,
        operator=report.operator,
        code=report.code,
        receipt=report.receipt,
        part=number,
    )
    return tuple(parts), step


def _step(version: int, state: State, report: Report, decides: Part | None, by: str | None) -> Step:
    says = report if decides is None else decides
    return Step(
        sequence=version,
        state=state,
        at=report.at,
        fact=report.fact,
        by=by,
        reason=says.reason,
        operator=says.operator,
        code=says.code,
    )


def _with_parts(step: Step, parts: tuple[Part, ...], country: str | None) -> Step:
    """The step with all parts as they are now, and the basis of the charge once an operator took some."""
    taken = [part for part in parts if part.taken]
    charge = None
    if taken and step.state not in _UNCHARGED:
        last = taken[-1]
        charge = Charge(parts=len(taken), country=country, operator=last.operator, route_id=last.route_id)
    return msgspec.structs.replace(step, parts=pack_parts(parts), charge=charge)


def _submitted(message: Message, report: Report) -> tuple[Submission, ...]:
    if (
        report.receipt is not None
        or report.state is not State.SUBMITTED
        or not (report.operator and report.operator_id)
    ):
        return message.submissions
    key = operator_key(report.operator, report.operator_id)
    new = Submission(
        key=key,
        part=report.part or 1,
        attempt=report.attempt or 1,
        link=report.link,
        given=None if key == f"{report.operator}:{report.operator_id}" else report.operator_id,
    )
    return message.submissions if new in message.submissions else (*message.submissions, new)


def _noted(message: Message, report: Report, move: Move) -> tuple[Note, ...]:
    return (*message.notes, Note(report.fact, move))[-_MOST_NOTES:]
