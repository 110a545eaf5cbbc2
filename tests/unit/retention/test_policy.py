from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from services.retention.policy import DEFAULT_MONTHS, check, cut_off, default_of, purge_at_end
from shared.errors import Refused
from shared.ids import AccountId


def test_a_period_is_eighteen_months_until_another_is_set() -> None:
    assert default_of(AccountId("acme")).months == DEFAULT_MONTHS == 18


@pytest.mark.parametrize("months", [3, 18])
def test_a_short_period_needs_no_reason(months: int) -> None:
    check(months, None)


@pytest.mark.parametrize("months", [19, 120])
def test_a_long_period_has_a_reason(months: int) -> None:
    check(months, "the insurance act")
    with pytest.raises(Refused) as refused:
        check(months, "  ")
    assert [(error.pointer, error.code) for error in refused.value.errors] == [("/reason", "reason_missing")]


@pytest.mark.parametrize("months", [-1, 0, 2, 121])
def test_a_period_out_of_range_is_refused(months: int) -> None:
    with pytest.raises(Refused) as refused:
        check(months, "because")
    assert refused.value.code == "invalid_retention"
    assert [(error.pointer, error.code) for error in refused.value.errors] == [("/months", "out_of_range")]


@pytest.mark.parametrize(
    ("night", "months", "expected"),
    [
        (date(2026, 8, 31), 18, datetime(2025, 2, 27, 23, tzinfo=UTC)),
        (date(2025, 8, 31), 18, datetime(2024, 2, 28, 23, tzinfo=UTC)),
        (date(2026, 11, 23), 3, datetime(2026, 8, 22, 22, tzinfo=UTC)),
        (date(2026, 3, 29), 12, datetime(2025, 3, 28, 23, tzinfo=UTC)),
        (date(2026, 10, 25), 120, datetime(2016, 10, 24, 22, tzinfo=UTC)),
    ],
)
def test_the_cut_off_is_local_midnight_so_many_calendar_months_ago(
    night: date, months: int, expected: datetime
) -> None:
    assert cut_off(night, months) == expected


def test_everything_of_a_closed_account_is_ordered_in_time_to_be_gone_after_three_months() -> None:
    ended = datetime(2026, 11, 30, 12, tzinfo=UTC)
    assert purge_at_end(ended, date(2027, 2, 13)) is None
    assert purge_at_end(ended, date(2027, 2, 14)) == datetime(2027, 2, 13, 23, tzinfo=UTC)
    assert purge_at_end(ended, date(2027, 2, 28)) is not None
