"""How long an account's data live, and when that is over (R-112 to R-116, R-120). Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final

import msgspec

from shared.errors import FieldError, Refused
from shared.ids import AccountId
from shared.money.periods import OSLO, Month, last_day, moved

DEFAULT_MONTHS: Final = 18
LEAST_MONTHS: Final = 3
MOST_MONTHS: Final = 120
AFTER_THE_END: Final = 3
"""Months after the end of the relation by which everything is gone (R-120)."""
_AHEAD: Final = timedelta(days=14)
"""So long before that, it is ordered: time enough for whoever is away."""


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """An account's period, in months. `reason` is there above the default (R-115); `set_by` is the id of a key."""

    account_id: AccountId = msgspec.field(name="_id")
    months: int
    reason: str | None = None
    set_by: str = ""
    set_at: datetime | None = None


def default_of(account: AccountId) -> Policy:
    """The period of an account that has set none."""
    return Policy(account_id=account, months=DEFAULT_MONTHS)


def check(months: int, reason: str | None) -> None:
    """Raises `Refused` (`invalid_retention`) for a period out of range, or a long one without a reason."""
    if not LEAST_MONTHS <= months <= MOST_MONTHS:
        raise _refused("/months", "out_of_range", f"from {LEAST_MONTHS} to {MOST_MONTHS} months")
    if months > DEFAULT_MONTHS and not (reason or "").strip():
        raise _refused("/reason", "reason_missing", f"above {DEFAULT_MONTHS} months there has to be a reason")


def cut_off(night: date, months: int) -> datetime:
    """The local midnight in Norway, as UTC, that lies so many calendar months before a day; what is older goes.

    A day that a month does not have is its last: 31 August less 18 months is 28 February, 29 in a leap year.
    """
    return _midnight(months_from(night, -months))


def next_cut_off(now: datetime, months: int) -> datetime:
    """The cut-off of the night that comes."""
    return cut_off(now.astimezone(OSLO).date() + timedelta(days=1), months)


def purge_at_end(ended_at: datetime, night: date) -> datetime | None:
    """Before when everything goes of an account that was closed, or None while that is not due."""
    due = months_from(ended_at.astimezone(OSLO).date(), AFTER_THE_END) - _AHEAD
    return _midnight(night) if night >= due else None


def months_from(day: date, months: int) -> date:
    """The same day of another month, or that month's last."""
    last = last_day(moved(Month(f"{day:%Y-%m}"), months))
    return last.replace(day=min(day.day, last.day))


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=OSLO).astimezone(UTC)


def _refused(pointer: str, code: str, message: str) -> Refused:
    return Refused("invalid_retention", "the period cannot be set", [FieldError(pointer, code, message)])
