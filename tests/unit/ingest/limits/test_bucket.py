"""Buckets fill at their rate, never above their size, and a request is let in whole or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.accounts.account import Limits
from services.ingest.limits.bucket import NOTHING, Amount, Level, Rates, filled, rates_of, take

RATES = Rates(Amount(10, 30), Amount(100, 300))
FULL = Level(RATES.burst, 0.0)
AMOUNTS = st.builds(Amount, st.floats(0, 400), st.floats(0, 400))


def test_what_is_there_is_granted() -> None:
    taken = take(FULL, RATES, 0.0, Amount(1, 2), Amount(5, 6))
    assert taken.granted == Amount(5, 6)
    assert taken.level == Level(Amount(95, 294), 0.0)


def test_less_than_wanted_but_never_less_than_needed_is_granted() -> None:
    taken = take(Level(Amount(3, 300), 0.0), RATES, 0.0, Amount(2, 2), Amount(50, 2))
    assert taken.granted == Amount(3, 2)


@pytest.mark.parametrize(
    ("need", "wait"), [(Amount(5, 1), 0.3), (Amount(1, 31), 1.0), (Amount(12, 31), 1.0), (Amount(2, 1), 0.0)]
)
def test_without_enough_of_both_nothing_is_taken(need: Amount, wait: float) -> None:
    level = Level(Amount(2, 1), 0.0)
    taken = take(level, RATES, 0.0, need, need)
    assert taken.wait == pytest.approx(wait)
    assert taken.granted == (None if wait else need)
    if wait:
        assert taken.level == level
        assert take(level, RATES, wait + 1e-9, need, need).granted == need


def test_a_request_larger_than_the_bucket_waits_for_a_full_one_and_leaves_a_debt() -> None:
    huge = Amount(250, 250)
    assert take(Level(Amount(99, 300), 0.0), RATES, 0.0, huge, huge).wait == pytest.approx(0.1)
    taken = take(FULL, RATES, 0.0, huge, huge)
    assert taken.granted == huge
    assert take(taken.level, RATES, 0.0, Amount(1, 1), NOTHING).wait == pytest.approx(15.1)


def test_a_debt_of_one_resource_does_not_stop_who_needs_none_of_it() -> None:
    assert take(Level(Amount(-5, 10), 0.0), RATES, 0.0, Amount(0, 5), Amount(3, 5)).granted == Amount(0, 5)


def test_a_clock_that_goes_back_fills_nothing() -> None:
    assert filled(Level(NOTHING, 10.0), RATES, 5.0) == NOTHING


@given(
    steps=st.lists(st.tuples(st.floats(0, 5), AMOUNTS, AMOUNTS), max_size=30),
)
def test_never_more_than_burst_and_rate_is_granted(steps: list[tuple[float, Amount, Amount]]) -> None:
    level, now = FULL, 0.0
    granted = [0.0, 0.0]
    for seconds, need, want in steps:
        now += seconds
        level, amount, _ = take(level, RATES, now, need, want)
        for index in (0, 1):
            assert level.amount[index] <= RATES.burst[index]
            granted[index] += amount[index] if amount else 0.0
            # The last of them may have left a debt.
            most = RATES.burst[index] + RATES.per_second[index] * now + max(0.0, -level.amount[index])
            assert granted[index] <= most + 1e-6


def test_an_account_has_the_default_but_for_what_it_says() -> None:
    assert rates_of(None, RATES) == RATES
    assert rates_of(Limits(), RATES) == RATES
    assert rates_of(Limits(messages_per_second=1), RATES) == Rates(Amount(1, 30), Amount(10, 300))
    assert rates_of(Limits(messages_per_second=1, messages_burst=3, parts_burst=7), RATES) == Rates(
        Amount(1, 30), Amount(3, 7)
    )


def test_no_limit_divides_by_nothing() -> None:
    rates = rates_of(Limits(messages_per_second=0, messages_burst=0), RATES)
    assert rates.burst.messages == 1
    level = take(Level(rates.burst, 0.0), rates, 0.0, Amount(1, 1), NOTHING).level
    assert take(level, rates, 1.0, Amount(1, 1), NOTHING).granted is None
