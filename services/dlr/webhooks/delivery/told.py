"""What a record says that customers may be told: each state that a message came to, and incoming messages."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

import msgspec

from shared.contracts import envelope
from shared.contracts.codec import read
from shared.contracts.events import Event, MessageCorrected, MessageStatusChanged
from shared.contracts.inbound import InboundRouted
from shared.contracts.passing import each_state
from shared.errors import BadRecord
from shared.ids import MessageId
from shared.kafka.record import Record

_encode: Final = msgspec.json.Encoder().encode


class Told(msgspec.Struct, frozen=True, gc=False):
    """An event with its id; `payload` is the record's value as it came."""

    id: str
    event: MessageStatusChanged | InboundRouted
    payload: bytes

    @property
    def subject(self) -> MessageId:
        """The message's id, or the incoming one's: the last 16 bits of both choose a partition."""
        event = self.event
        return MessageId(event.inbound_id) if isinstance(event, InboundRouted) else event.message_id

    @property
    def at(self) -> datetime:
        """When it came to what is told."""
        return self.event.received_at if isinstance(self.event, InboundRouted) else self.event.at

    def each(self) -> Iterator[Told]:
        """Every state that it tells of, each as if it had been told alone; the last one as it came."""
        event = self.event
        if isinstance(event, MessageStatusChanged):
            for one in each_state(event):
                if one.sequence != event.sequence:
                    yield Told(f"{one.message_id}:{one.sequence}", one, _encode(one))
        yield self


class Untold(msgspec.Struct, frozen=True, gc=False):
    """An event that customers are not told: a correction leaves the final state that they know as it is, and changes
    the charge alone; or an incoming message whose keyword says so.
    """

    event: Event


Input = Told | Untold


def hear(record: Record) -> Input:
    """Decode a record of one of the topics. Raises `BadRecord`."""
    event = read(record)
    if type(event) is MessageStatusChanged or (type(event) is InboundRouted and event.webhook):
        return Told(envelope.event_id(record), event, record.value or b"")
    if type(event) is MessageCorrected or type(event) is InboundRouted:
        return Untold(event)
    raise BadRecord("unexpected_event_type", "this type of event does not belong on this topic")
