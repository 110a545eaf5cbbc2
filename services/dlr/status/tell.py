"""Steps as events for `sms.events`: always made from the document, so that telling again says the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

from services.dlr.status.message import Message, Request, Step
from shared.contracts import topics
from shared.contracts.codec import Writer
from shared.contracts.codes import PERMANENT
from shared.contracts.events import ChargeBasis, MessageCorrected, MessageStatusChanged, PartState, PassedState
from shared.contracts.states import FINAL, State
from shared.ids import partition_of
from shared.kafka.record import Output

SOURCE = "/budstikke/dlr/status"


class EventWriter:
    """Writes the steps of messages that are no stubs to `sms.events`."""

    def __init__(self, partitions: int) -> None:
        self._partitions = partitions
        self._write = Writer(SOURCE).output

    def outputs(self, message: Message, steps: Sequence[Step]) -> Iterator[Output]:
        """The records of steps in their order: one of all states, by the last of them, and one of each correction.

        Quiet steps are told with the next one of the message that is not. An event id is `<message id>:<sequence>`.
        """
        states = _states(message, steps)
        if states:
            yield self._output(message, states[-1], states[:-1])
        for step in steps:
            if step.receipt is not None:
                yield self._output(message, step)

    def _output(self, message: Message, step: Step, passed: Sequence[Step] = ()) -> Output:
        return self._write(
            topics.EVENTS,
            partition_of(message.id, self._partitions),
            event_of(message, step, passed),
            event_id=f"{message.id}:{step.sequence}",
            time=step.at,
            subject=message.id,
        )


def event_of(message: Message, step: Step, passed: Sequence[Step] = ()) -> MessageStatusChanged | MessageCorrected:
    """The event of a step of this message's history, which tells of those passed as well. Raises `ValueError` for a
    stub.
    """
    request = message.request
    if request is None:
        raise ValueError("a stub has no events")
    if step.receipt is not None:
        return MessageCorrected(
            message_id=message.id,
            account_id=message.account_id,
            state=step.state,
            sequence=step.sequence,
            at=step.at,
            part=step.part,
            receipt_state=step.receipt,
            operator_code=step.code,
            charge=charge_of(request, step),
            test=request.test,
        )
    return MessageStatusChanged(
        message_id=message.id,
        account_id=message.account_id,
        to=request.to,
        state=step.state,
        sequence=step.sequence,
        at=step.at,
        previous=_previous(message, step),
        reference=request.reference,
        reason=step.reason,
        permanent=permanent(step.state, step.reason),
        operator=step.operator,
        operator_code=step.code,
        part_states=part_states(step),
        charge=charge_of(request, step),
        callback_url=request.callback_url,
        test=request.test,
        passed=tuple([_passed(message, one) for one in passed]),
    )


def _passed(message: Message, step: Step) -> PassedState:
    return PassedState(
        state=step.state,
        sequence=step.sequence,
        at=step.at,
        previous=_previous(message, step),
        reason=step.reason,
        operator=step.operator,
        operator_code=step.code,
        part_states=part_states(step),
    )


def permanent(state: State, reason: str | None) -> bool | None:
    """Whether the customer should drop the number; None while a message is open and when it arrived."""
    return None if state not in FINAL or state is State.DELIVERED else reason in PERMANENT


def part_states(step: Step) -> tuple[PartState, ...]:
    """Unpack `Step.parts`."""
    return _unpacked(step.parts)


@lru_cache(maxsize=1_000)
def _unpacked(parts: str) -> tuple[PartState, ...]:
    """Most messages have one part, and so one of a few of these."""
    return tuple(
        [
            PartState(part=number, state=State(state), attempt=int(attempt))
            for number, (state, _, attempt) in enumerate((word.partition("/") for word in parts.split()), 1)
        ]
    )


def charge_of(request: Request, step: Step) -> ChargeBasis | None:
    """What billing is told of a step; None while no operator took anything, and of a test always."""
    charge = step.charge
    if charge is None or request.test:
        return None
    return ChargeBasis(
        category=request.category,
        parts_taken=charge.parts,
        country=charge.country,
        operator=charge.operator,
        route_id=charge.route_id,
        accepted_at=request.requested_at,
        pseudonym=request.pseudonym,
    )


def _states(message: Message, steps: Sequence[Step]) -> list[Step]:
    """The states among these steps that are told now, and the quiet ones right before each."""
    loud = {step.sequence for step in steps if step.receipt is None and not step.quiet}
    if not loud:
        return []
    states: list[Step] = []
    quiet: list[Step] = []
    for step in message.history:
        if step.quiet:
            quiet.append(step)
        elif step.receipt is None:
            if step.sequence in loud:
                states += [*quiet, step]
            quiet = []
    return states


def _previous(message: Message, step: Step) -> State | None:
    """The state before a step; what a document holds is in order of sequence."""
    before = None
    for one in message.history:
        if one.sequence >= step.sequence:
            break
        before = one.state
    return before
