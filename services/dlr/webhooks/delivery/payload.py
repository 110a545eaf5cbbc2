"""What a customer is sent: `{"id", "type", "created_at", "data"}`. The same event always makes the same octets."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from services.dlr.webhooks.endpoints.occasion import occasion_of
from shared.contracts.events import MessageStatusChanged
from shared.contracts.inbound import InboundAction, InboundCoding, InboundId, InboundRouted
from shared.contracts.premium import TransactionId
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


class InboundData(msgspec.Struct, frozen=True, gc=False, rename={"from_": "from"}):
    """An incoming message. `from` and `text` are null once it was erased; `text` is hex if `coding` is `binary`.

    `to` is the number that was written to. `keyword` is the word that matched, `*` for the number's default.
    `parts` says of how many a long one was made; `missing_parts` names those that never came, and the text is without
    them.
    """

    id: InboundId
    to: str
    from_: str | None
    text: str | None
    coding: InboundCoding
    received_at: datetime
    keyword: str | None
    action: InboundAction
    reply_id: MessageId | None
    transaction_id: TransactionId | None
    parts: int
    missing_parts: tuple[int, ...]


class ProbeData(msgspec.Struct, frozen=True):
    """What a test event carries."""

    endpoint_id: str


class Payload(msgspec.Struct, frozen=True, gc=False):
    """The body."""

    id: str
    type: str
    created_at: datetime
    data: MessageData | InboundData | ProbeData


_encode: Final = msgspec.json.Encoder().encode


def render(event_id: str, event: MessageStatusChanged | InboundRouted, sealer: Sealer) -> bytes:
    """The body of an event. Raises `BadRecord` (`bad_seal`) when a number or text does not open."""
    if isinstance(event, InboundRouted):
        return _encode(Payload(event_id, type_of(event), event.received_at, _incoming(event, sealer)))
    return _encode(Payload(event_id, type_of(event), event.at, _status(event, sealer)))


def _incoming(event: InboundRouted, sealer: Sealer) -> InboundData:
    sender = sealer.open(event.account_id, event.inbound_id, "from", event.from_)
    text = sealer.open(event.account_id, event.inbound_id, "content", event.content)
    return InboundData(
        id=event.inbound_id,
        to=event.to,
        from_=None if isinstance(sender, Erased) else sender,
        text=None if isinstance(text, Erased) else text,
        coding=event.coding,
        received_at=event.received_at,
        keyword=event.keyword,
        action=event.action,
        reply_id=event.reply_id,
        transaction_id=event.transaction_id,
        parts=event.parts,
        missing_parts=event.missing_parts,
    )


def _status(event: MessageStatusChanged, sealer: Sealer) -> MessageData:
    to = sealer.open(event.account_id, event.message_id, "to", event.to)
    return MessageData(
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


def render_test(event_id: str, endpoint_id: str, at: datetime) -> bytes:
    """The body of a test event."""
    return _encode(Payload(event_id, TEST, at, ProbeData(endpoint_id)))


def type_of(event: MessageStatusChanged | InboundRouted) -> str:
    """The `type` of an event."""
    return f"message.{occasion_of(event)}"
