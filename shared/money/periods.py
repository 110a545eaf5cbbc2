"""Days and months as they are in Norway: what is priced, counted and invoiced by date is so by Europe/Oslo.

A month is `YYYY-MM`, a day `YYYY-MM-DD`: text that sorts in the order of time. A month with a change of the clock has
743 or 745 hours.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Final, NewType
from zoneinfo import ZoneInfo

from shared.errors import Refused

Month = NewType("Month", str)
Day = NewType("Day", str)

_HOUR: Final = 3600
OSLO: Final = ZoneInfo("Europe/Oslo")

_MONTH: Final = re.compile(r"20[0-9]{2}-(?:0[1-9]|1[0-2])")


def month_of(instant: datetime) -> Month:
    """The month in which an instant lies in Norway."""
    return Month(instant.astimezone(OSLO).strftime("%Y-%m"))


def day_of(instant: datetime) -> Day:
    """The day on which an instant lies in Norway."""
    return _day_of_hour(int(instant.timestamp() // _HOUR))


@lru_cache(maxsize=1_000)
def _day_of_hour(hour: int) -> Day:
    """Norway is a whole number of hours ahead of UTC, so all of an hour lies on one day; counted from 1970."""
    return Day(datetime.fromtimestamp(hour * _HOUR, OSLO).strftime("%Y-%m-%d"))


def month_of_day(day: Day) -> Month:
    """The month of a day."""
    return Month(day[:7])


def parse_month(text: str) -> Month:
    """A month of this century. Raises `Refused` (`invalid_month`)."""
    if _MONTH.fullmatch(text) is None:
        raise Refused("invalid_month", "a month is written as YYYY-MM")
    return Month(text)


def moved(month: Month, months: int) -> Month:
    """The month that many months later, or earlier when below zero."""
    count = int(month[:4]) * 12 + int(month[5:]) - 1 + months
    return Month(f"{count // 12:04d}-{count % 12 + 1:02d}")


def first_day(month: Month) -> date:
    """The first day of a month."""
    return date(int(month[:4]), int(month[5:]), 1)


def last_day(month: Month) -> date:
    """The last day of a month."""
    return date.fromordinal(first_day(moved(month, 1)).toordinal() - 1)


def begins_at(month: Month) -> datetime:
    """The instant, in UTC, at which a month begins in Norway; the month before ends there."""
    first = first_day(month)
    return datetime(first.year, first.month, 1, tzinfo=OSLO).astimezone(UTC)
