"""What a customer is sent: `{"id", "type", "created_at", "data"}`. The same event always makes the same octets."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from shared.contracts.events import MessageStatusChanged
from shared.contracts.states import FINAL, State
from shared.ids import MessageId
from shared.privacy.sealing import Erased, Sealer

TEST: Final = "webhook.test"


class PartData(msgspec.Struct, frozen=True, gc=False):
    """Where one part is."""

    part: int
    state: State


class MessageData(msgspec.Struct, frozen=True, gc=False):
    """The message as the API shows it, at this event. `to` is null once the message was erased.

    `sequence` grows with every event of the message; `price` is null until billing exists.
    """

    id: MessageId
    to: str | None
    reference: str | None
    state: State
    previous: State | None
    final: bool
    reason: str | None
    permanent: bool | None
    sequence: int
    parts: int | None
    part_states: tuple[PartData, ...]
    operator: str | None
    operator_code: str | None
    price: None
    at: datetime
    test: bool


class ProbeData(msgspec.Struct, frozen=True):
    """What a test event carries."""

    endpoint_id: str


class Payload(msgspec.Struct, frozen=True, gc=False):
    """The body."""

    id: str
    type: str
    created_at: datetime
    data: MessageData | ProbeData


_encode: Final = msgspec.json.Encoder().encode


def render(event_id: str, event: MessageStatusChanged, sealer: Sealer) -> bytes:
    """The body of an event. Raises `BadRecord` (`bad_seal`) when the recipient does not open."""
    to = sealer.open(event.account_id, event.message_id, "to", event.to)
    data = MessageData(
        id=event.message_id,
        to=None if isinstance(to, Erased) else to,
        reference=event.reference,
        state=event.state,
        previous=event.previous,
        final=event.state in FINAL,
        reason=event.reason,
        permanent=event.permanent,
        sequence=event.sequence,
        parts=len(event.part_states) or None,
        part_states=tuple([PartData(part.part, part.state) for part in event.part_states]),
        operator=event.operator,
        operator_code=event.operator_code,
        price=None,
        at=event.at,
        test=event.test,
    )
    return _encode(Payload(event_id, type_of(event), event.at, data))


def render_test(event_id: str, endpoint_id: str, at: datetime) -> bytes:
    """The body of a test event."""
    return _encode(Payload(event_id, TEST, at, ProbeData(endpoint_id)))


def type_of(event: MessageStatusChanged) -> str:
    """The `type` of an event."""
    return f"message.{event.state}"
