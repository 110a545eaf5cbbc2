"""What a subscriber is like: set per number, and decisive for what becomes of a charge."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec

Ore = Annotated[int, msgspec.Meta(ge=0)]


class Validity(StrEnum):
    """How far a user is known to Strex."""

    UNREGISTERED = "Unregistered"
    PARTIAL = "Partial"
    FULL = "Full"
    BARRED = "Barred"


class Scenario(StrEnum):
    """How a charge that is let through ends."""

    NORMAL = "normal"
    """Ok and billed."""
    LATE = "late"
    """Sent, billed unknown; Ok and billed `late_ms` later."""
    NEVER_KNOWN = "never_known"
    """Sent for ever, billed unknown (`MissingDeliveryReport`)."""
    REBILLED = "rebilled"
    """Failed, and Rebilled `late_ms` later."""
    UNDELIVERED = "undelivered"
    """Failed, and neither billed nor delivered."""
    BILLED_UNDELIVERED = "billed_undelivered"
    """Billed, but the text never arrives: failed as a message, and money all the same."""
    ERROR = "error"
    """Failed at the operator."""
    WAITING = "waiting"
    """Pending for ever: the user does nothing."""


class Profile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One subscriber. Money is øre; `balance` of a prepaid card sinks with what is charged. Months and years are those
    of the calendar; most have no limit of a year.
    """

    operator: str = "no.telenor"
    prepaid: bool = False
    balance: Ore = 0
    age: Annotated[int, msgspec.Meta(ge=0, le=120)] | None = 40
    validity: Validity = Validity.FULL
    barred: bool = False
    known: bool = True
    limit_transaction: Ore = 100_000
    limit_month: Ore = 500_000
    limit_year: Ore | None = None
    scenario: Scenario = Scenario.NORMAL


ORDINARY = Profile()
"""Whoever has no profile of their own."""

_FAKE = "+47000000"
_UNKNOWN = msgspec.structs.replace(ORDINARY, known=False)
_FAKES = {
    "+4700000010": msgspec.structs.replace(ORDINARY, scenario=Scenario.UNDELIVERED),
    "+4700000020": msgspec.structs.replace(ORDINARY, barred=True),
}


def of_fake(number: str, *, test_in_prod: bool) -> Profile | None:
    """The profile of a number of the range for tests in production: without the property, nobody has such a number.

    None for every other number.
    """
    if not number.startswith(_FAKE):
        return None
    return _FAKES.get(number, ORDINARY) if test_in_prod else _UNKNOWN
