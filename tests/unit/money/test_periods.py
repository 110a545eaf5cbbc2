from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Refused
from shared.money.periods import Month, begins_at, day_of, last_day, month_of, moved, parse_month

MONTHS = st.integers(0, 1199).map(lambda count: moved(Month("2000-01"), count))


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        (datetime(2026, 10, 31, 22, 59, 59, 999999, tzinfo=UTC), "2026-10-31"),
        (datetime(2026, 10, 31, 23, 0, tzinfo=UTC), "2026-11-01"),
        (datetime(2026, 6, 30, 21, 59, 59, tzinfo=UTC), "2026-06-30"),
        (datetime(2026, 6, 30, 22, 0, tzinfo=UTC), "2026-07-01"),
    ],
)
def test_a_day_ends_at_midnight_in_norway(instant: datetime, day: str) -> None:
    assert day_of(instant) == day
    assert month_of(instant) == day[:7]


@pytest.mark.parametrize(("month", "hours"), [("2026-03", 743), ("2026-10", 745), ("2026-11", 720)])
def test_a_month_has_its_own_number_of_hours(month: str, hours: int) -> None:
    assert begins_at(moved(Month(month), 1)) - begins_at(Month(month)) == timedelta(hours=hours)


@given(MONTHS)
def test_a_month_holds_its_first_instant_and_not_the_one_before(month: Month) -> None:
    assert month_of(begins_at(month)) == month
    assert month_of(begins_at(month) - timedelta(microseconds=1)) == moved(month, -1)


@given(MONTHS, st.integers(-24, 24))
def test_moving_forth_and_back_is_nothing(month: Month, months: int) -> None:
    assert moved(moved(month, months), -months) == month


def test_the_last_day_of_february_depends_on_the_year() -> None:
    assert [last_day(Month(month)) for month in ("2027-02", "2028-02")] == [date(2027, 2, 28), date(2028, 2, 29)]


@pytest.mark.parametrize("text", ["2026-13", "2026-00", "26-01", "2026-1", "2026-01-01", "", "x" * 1000])
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="invalid_month"):
        parse_month(text)
