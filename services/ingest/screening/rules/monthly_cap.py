"""Hold what exceeds the account's messages of a month (R-88: it is there first of all to protect the customer)."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from services.ingest.screening.facts import Case
from services.ingest.screening.rules.quiet_hours import NORWAY
from services.ingest.screening.verdict import Hold
from shared.contracts.holds import HoldRule


def month_of(at: datetime) -> str:
    """The calendar month in Norway, `2026-11`; `at` is in UTC."""
    return _month(at.year, at.month, at.day, at.hour)


@lru_cache(maxsize=256)
def _month(year: int, month: int, day: int, hour: int) -> str:
    # Norway's clocks differ from UTC by whole hours, and conversions cost 3 µs.
    return datetime(year, month, day, hour, tzinfo=UTC).astimezone(NORWAY).strftime("%Y-%m")


def cap_of(case: Case, default: int) -> int | None:
    """How many messages of its month the account may send; None when a person has decided that this one may go."""
    release = case.request.hold_release
    if release is not None and HoldRule.MONTHLY_CAP in release.rules:
        return None
    own = case.account.messages_per_month
    return default if own is None else own


def monthly_cap(case: Case) -> Hold:
    """What is said of a message for which the counters had no room."""
    return Hold(HoldRule.MONTHLY_CAP, (month_of(case.request.requested_at),))
