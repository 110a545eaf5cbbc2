"""A message as its customer sees it: the body of `GET /v1/messages/{id}`."""

from __future__ import annotations

from datetime import datetime

import msgspec

from services.dlr.status.message import Message, Part, Step
from services.dlr.status.tell import permanent
from shared.contracts.states import FINAL, State
from shared.contracts.words import Category, Lane
from shared.ids import MessageId
from shared.text.segments import Coding, measure


class StepView(msgspec.Struct, frozen=True):
    """When the message came to a state, and why."""

    state: State
    at: datetime
    reason: str | None


class PartView(msgspec.Struct, frozen=True):
    """Where one part is; `operator_code` is the operator's own, `done_at` its time."""

    part: int
    state: State
    attempt: int
    reason: str | None
    operator: str | None
    operator_code: str | None
    done_at: datetime | None


class ChargeView(msgspec.Struct, frozen=True):
    """What is charged so far: the parts that an operator took."""

    parts: int
    country: str | None


class MessageView(msgspec.Struct, frozen=True, rename={"sender": "from"}):
    """The answer. `to`, `text` and `coding` are null once the message was erased; then `parts` is what was sent."""

    id: MessageId
    to: str | None
    sender: str
    text: str | None
    reference: str | None
    state: State
    final: bool
    reason: str | None
    permanent: bool | None
    parts: int
    coding: Coding | None
    lane: Lane
    category: Category
    test: bool
    requested_at: datetime
    valid_until: datetime
    history: tuple[StepView, ...]
    part_states: tuple[PartView, ...]
    charge: ChargeView | None
    erased: bool


def view(message: Message, to: str | None, text: str | None) -> MessageView:
    """The view of a message with its fields opened, None for what was erased. Raises `ValueError` for a stub."""
    request = message.request
    if request is None:
        raise ValueError("a stub is not shown")
    measured = None if text is None else measure(text)
    steps = [step for step in message.history if step.receipt is None]
    reason = steps[-1].reason
    return MessageView(
        id=message.id,
        to=to,
        sender=request.sender,
        text=text,
        reference=request.reference,
        state=message.state,
        final=message.state in FINAL,
        reason=reason,
        permanent=permanent(message.state, reason),
        parts=message.count or (measured.parts if measured is not None else 0),
        coding=None if measured is None else measured.coding,
        lane=request.lane,
        category=request.category,
        test=request.test,
        requested_at=request.requested_at,
        valid_until=request.valid_until,
        history=tuple(StepView(step.state, step.at, step.reason) for step in steps),
        part_states=tuple(_part(part) for part in message.parts),
        charge=_charge(message.history),
        erased=to is None or text is None,
    )


def _part(part: Part) -> PartView:
    return PartView(part.part, part.state, part.attempt, part.reason, part.operator, part.code, part.done_at)


def _charge(history: tuple[Step, ...]) -> ChargeView | None:
    """The newest basis of a charge, corrections included."""
    charges = [step.charge for step in history if step.charge is not None]
    return ChargeView(charges[-1].parts, charges[-1].country) if charges else None
