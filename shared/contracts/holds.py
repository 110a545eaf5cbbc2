"""Messages that wait: held for a person (v1), or delayed to a time that a rule names (v1).

`MessageHeld` goes to `sms.holds` keyed by the hold, in the message's partition; so does `HoldDecided`, in the partition
of its id. `MessageDelayed` goes to `sms.scheduled` keyed by message. Nothing in a finding or a decision may hold a
number or a text: evidence is names of domains, counts and months.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final, NewType

import msgspec

from shared.contracts.codes import Reason
from shared.contracts.events import Account, Event, SendRequested, Utc

HoldId = NewType("HoldId", str)
"""Names a group of messages that are decided on together: `hold_` and 24 hex digits."""

Hold = Annotated[HoldId, msgspec.Meta(pattern=r"\Ahold_[0-9a-f]{24}\Z")]


class HoldRule(StrEnum):
    """Rules that ask a person (R-84 to R-88)."""

    UNAPPROVED_LINK = "unapproved_link"
    MONTHLY_CAP = "monthly_cap"
    UNUSUAL_VOLUME = "unusual_volume"


REFUSED_FOR: Final[dict[HoldRule, Reason]] = {
    HoldRule.UNAPPROVED_LINK: Reason.URL_NOT_APPROVED,
    HoldRule.MONTHLY_CAP: Reason.QUOTA_EXCEEDED,
    HoldRule.UNUSUAL_VOLUME: Reason.NOT_APPROVED,
}
"""What the customer reads when a person says no."""


class DelayRule(StrEnum):
    """Rules that ask for another time."""

    QUIET_HOURS = "quiet_hours"


class Decision(StrEnum):
    """What a person said."""

    APPROVED = "approved"
    REJECTED = "rejected"


class Finding(Event, frozen=True, kw_only=True):
    """A rule that holds a message, and what it saw."""

    rule: HoldRule
    evidence: tuple[str, ...] = ()


class MessageHeld(Event, frozen=True, kw_only=True):
    """A request waits for a person, with all that speaks against it. It is not charged while it waits.

    `pseudonym` is the recipient's, so that the message can be found without opening it. At `expires_at` its validity is
    over, and so is the hold.
    """

    hold_id: Hold
    request: SendRequested
    findings: tuple[Finding, ...]
    pseudonym: str
    held_at: Utc
    expires_at: Utc


class MessageDelayed(Event, frozen=True, kw_only=True):
    """A request waits until `due_at`, and then goes through screening anew."""

    request: SendRequested
    rule: DelayRule
    due_at: Utc
    pseudonym: str
    delayed_at: Utc


class HoldDecided(Event, frozen=True, kw_only=True):
    """A person decided on a hold: on the messages in it, and on those that still come to it. `by` is the staff key."""

    hold_id: Hold
    account_id: Account
    decision: Decision
    findings: tuple[Finding, ...]
    by: str
    decided_at: Utc
    approved_domains: tuple[str, ...] = ()
