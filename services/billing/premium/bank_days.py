"""Bank days in Norway: no Saturdays, Sundays and public holidays; banks are closed on 24 and 31 December too."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

_FIXED: Final = frozenset({(1, 1), (5, 1), (5, 17), (12, 24), (12, 25), (12, 26), (12, 31)})
_FROM_EASTER: Final = (-3, -2, 0, 1, 39, 49, 50)
"""Maundy Thursday, Good Friday, Easter Sunday and Monday, Ascension, Pentecost Sunday and Monday."""
_SATURDAY: Final = 5
_ONE_DAY: Final = timedelta(days=1)


def is_bank_day(day: date) -> bool:
    """Whether money moves between banks."""
    if day.weekday() >= _SATURDAY or (day.month, day.day) in _FIXED:
        return False
    return (day - easter(day.year)).days not in _FROM_EASTER


def bank_day_from(day: date) -> date:
    """That day, or the first bank day after it."""
    while not is_bank_day(day):
        day += _ONE_DAY
    return day


def easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar (Meeus, Jones and Butcher)."""
    a, (b, c) = year % 19, divmod(year, 100)
    h = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    k = (32 + 2 * (b % 4) + 2 * (c // 4) - h - c % 4) % 7
    m = (a + 11 * h + 22 * k) // 451
    month, day = divmod(h + k - 7 * m + 114, 31)
    return date(year, month, day + 1)
