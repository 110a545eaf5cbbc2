"""Closed sets of words that events and the API share."""

from __future__ import annotations

from enum import StrEnum


class Lane(StrEnum):
    """Own topics, consumers and groups from the door to the operator: bulk cannot delay a one-time code."""

    EXPRESS = "express"
    STANDARD = "standard"
    BULK = "bulk"


class Category(StrEnum):
    """Why a message is sent; decides its lane, the rules that screen it, and how it is charged."""

    OTP = "otp"
    TRANSACTIONAL = "transactional"
    MARKETING = "marketing"
    ALARM = "alarm"


LANE_OF: dict[Category, Lane] = {
    Category.OTP: Lane.EXPRESS,
    Category.ALARM: Lane.EXPRESS,
    Category.TRANSACTIONAL: Lane.STANDARD,
    Category.MARKETING: Lane.BULK,
}
"""The lane of a message that names none."""


class AccountState(StrEnum):
    """A suspended account reads and does not send; a closed one does nothing, and for ever."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    CLOSED = "closed"


class Door(StrEnum):
    """The way a send request came in."""

    HTTP = "http"
    SMPP = "smpp"
    MAIL = "mail"
    KAFKA = "kafka"
    INBOUND = "inbound"
    """Our own answer to an incoming message: whoever gets it has just asked for it."""


class FactKind(StrEnum):
    """What a role saw happen to a message or to one of its parts."""

    SCHEDULED = "scheduled"
    REJECTED = "rejected"
    HELD = "held"
    RELEASED = "released"
    QUEUED = "queued"
    SUBMITTED = "submitted"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    FAILED = "failed"


class ReturnReason(StrEnum):
    """Why parts came back from an operator's sender."""

    LINK_DOWN = "link_down"
    """The operator cannot be reached and nothing was written to it; another one can be."""
    OUTCOME_UNKNOWN = "outcome_unknown"
    """Nobody knows whether the operator took them, and nobody will any more."""


class ReceiptState(StrEnum):
    """What an operator's receipt says, in SMPP's words (SMPP 3.4 §5.2.28)."""

    ENROUTE = "enroute"
    DELIVERED = "delivered"
    EXPIRED = "expired"
    DELETED = "deleted"
    UNDELIVERABLE = "undeliverable"
    ACCEPTED = "accepted"
    UNKNOWN = "unknown"
    REJECTED = "rejected"
