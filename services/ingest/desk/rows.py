"""What the desk keeps: holds, which people decide on, and the messages that wait in them or for their time."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from shared.contracts.holds import Finding, HoldId
from shared.contracts.words import Lane
from shared.ids import AccountId, MessageId


class HoldState(StrEnum):
    """Where a hold is. What was decided stays decided."""

    OPEN = "open"
    APPROVED = "approved"
    REJECTED = "rejected"


class Decided(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who decided, and when: the id of the staff key, and the domains that were approved with it."""

    by: str
    at: datetime
    domains: tuple[str, ...] = ()


class Hold(msgspec.Struct, frozen=True):
    """Messages that are decided on together. `version` grows with every message that comes; `settled` says that
    nothing of a decided hold waits any more, and that its decision was told.
    """

    hold_id: HoldId
    account_id: AccountId
    findings: tuple[Finding, ...]
    opened_at: datetime
    state: HoldState
    version: int
    settled: bool
    decided: Decided | None = None


class Waiting(StrEnum):
    """Where a message is that waits, or waited."""

    WAITING = "waiting"
    CLAIMED = "claimed"
    RELEASED = "released"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class Held(msgspec.Struct, frozen=True):
    """A message that waits. `why` is its hold, or the time it waits for and since when: message and `why` are its name.

    `request` is the `SendRequested` as it came, number and text sealed; `since` is when it came to wait.
    `cancelled_at` is when its customer withdrew it: nobody lets it go any more, and the desk tells of it.
    """

    message_id: MessageId
    account_id: AccountId
    why: str
    hold_id: HoldId | None
    lane: Lane
    pseudonym: str
    request: bytes
    requested_at: datetime
    since: datetime
    expires_at: datetime
    due_at: datetime | None = None
    cancelled_at: datetime | None = None

    def __repr__(self) -> str:
        return f"Held(message_id={self.message_id!r}, why={self.why!r})"
