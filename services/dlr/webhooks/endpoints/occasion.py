"""What an endpoint may want to be told of: each state of a message, and incoming messages."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from shared.contracts.events import MessageStatusChanged
from shared.contracts.inbound import InboundRouted
from shared.contracts.states import FINAL, State


class Occasion(StrEnum):
    """The states of `shared.contracts.states`, by the same words, and one more."""

    SCHEDULED = "scheduled"
    ACCEPTED = "accepted"
    HELD = "held"
    QUEUED = "queued"
    UNKNOWN = "unknown"
    SUBMITTED = "submitted"
    BUFFERED = "buffered"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    EXPIRED = "expired"
    REJECTED = "rejected"
    FAILED = "failed"
    CANCELLED = "cancelled"
    RECEIVED = "received"
    """Somebody wrote to a number or a keyword of the account."""


OF_STATE: Final = {state: Occasion(state) for state in State}
FINAL_OCCASIONS: Final = frozenset(map(Occasion, FINAL))


def occasion_of(event: MessageStatusChanged | InboundRouted) -> Occasion:
    """What an event is to an endpoint."""
    return Occasion.RECEIVED if isinstance(event, InboundRouted) else OF_STATE[event.state]
