"""Delay marketing to the morning (`invoicing.md` §3: 20 to 8 by default, per account; nothing else has quiet hours)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from services.ingest.screening.facts import Case
from services.ingest.screening.verdict import PASSED, Delay, Passed
from shared.contracts.holds import DelayRule
from shared.contracts.words import Category

NORWAY: Final = ZoneInfo("Europe/Oslo")


def quiet_hours(case: Case) -> Passed | Delay:
    """Marketing between the hour `quiet_from` and the hour `quiet_to` waits for the second, on Norwegian clocks."""
    account = case.account
    if case.request.category is not Category.MARKETING or account.quiet_from == account.quiet_to:
        return PASSED
    local = case.now.astimezone(NORWAY)
    if not _within(local.hour, account.quiet_from, account.quiet_to):
        return PASSED
    return Delay(_next(local, account.quiet_to), DelayRule.QUIET_HOURS)


def _within(hour: int, first: int, last: int) -> bool:
    """Whether an hour lies in [first, last), which may go over midnight."""
    return first <= hour < last if first < last else hour >= first or hour < last


def _next(local: datetime, hour: int) -> datetime:
    """The next time that clocks show this hour, in UTC: the day has 23 hours or 25 when they are changed."""
    day = local.date() if local.hour < hour else local.date() + timedelta(days=1)
    return datetime(day.year, day.month, day.day, hour, tzinfo=NORWAY).astimezone(UTC)
