"""When a delivery is tried again, and when no more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.dlr.webhooks.client.outcome import Failure, Outcome
from services.dlr.webhooks.delivery.schedule import (
    FIRST,
    IN_ALL,
    LONGEST_ASKED,
    Again,
    Dead,
    Done,
    End,
    backoff,
    next_step,
    retry_after,
)

START = datetime(2026, 11, 23, 8, tzinfo=UTC)
REFUSED = Outcome(failure=Failure.CLOSED)

outcomes = st.one_of(
    st.builds(Outcome, status=st.integers(200, 599), retry_after=st.none() | st.text(max_size=64)),
    st.builds(Outcome, failure=st.sampled_from(Failure)),
)
moments = st.timedeltas(timedelta(0), timedelta(hours=30))


@given(seed=st.integers(), lag=st.lists(st.floats(0, 30), min_size=40, max_size=40))
def test_attempts_begin_after_five_seconds_and_end_with_one_after_24_hours(seed: int, lag: list[float]) -> None:
    random, now, gaps = Random(seed), START, []
    for attempt in range(1, 40):
        step = next_step(REFUSED, attempt, START, now, random)
        if isinstance(step, Dead):
            break
        assert isinstance(step, Again)
        gaps.append((step.due - now).total_seconds())
        now = step.due + timedelta(seconds=lag[attempt])
    assert step == Dead(End.TIME_IS_UP)
    assert IN_ALL <= now - START <= IN_ALL + timedelta(seconds=30)
    assert 5 <= gaps[0] <= 6.25
    assert 13 <= len(gaps) <= 15
    assert all(gap >= 5 * 2**number for number, gap in enumerate(gaps[:-1]))


@given(outcome=outcomes, attempts=st.integers(1, 1000), age=moments, seed=st.integers())
def test_whatever_comes_there_is_one_sane_next_step(outcome: Outcome, attempts: int, age: timedelta, seed: int) -> None:
    now = START + age
    match next_step(outcome, attempts, START, now, Random(seed)):
        case Done():
            assert 200 <= outcome.status < 300
        case Dead(End.GONE):
            assert outcome.status == 410
        case Dead(end):
            assert end is End.TIME_IS_UP
            assert age >= IN_ALL
        case Again(due):
            assert not outcome.ok
            assert now < due <= START + IN_ALL


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("header", "attempts", "least", "most"),
    [
        ("30", 1, 30, 37.5),
        ("1", 1, 5, 6.25),
        ("0", 12, 60, 75),
        ("999999999", 1, 3600, 4500),
        ("Mon, 23 Nov 2026 08:02:00 GMT", 1, 120, 150),
        ("Mon, 23 Nov 2020 08:02:00 GMT", 1, 5, 6.25),
        ("soon", 1, 5, 6.25),
        ("-5", 1, 5, 6.25),
    ],
)
def test_retry_after_is_honoured_within_bounds(
    status: int, header: str, attempts: int, least: float, most: float
) -> None:
    step = next_step(Outcome(status=status, retry_after=header), attempts, START, START, Random(1))
    assert isinstance(step, Again)
    assert least <= (step.due - START).total_seconds() <= most


def test_other_answers_may_not_ask_for_patience() -> None:
    step = next_step(Outcome(status=500, retry_after="600"), 1, START, START, Random(1))
    assert isinstance(step, Again)
    assert step.due - START < timedelta(seconds=7)


@given(st.text(max_size=64))
def test_no_header_breaks_it(header: str) -> None:
    asked = retry_after(header, START)
    assert asked is None or asked >= timedelta(0)


@given(st.integers(1, 10_000))
def test_back_off_doubles_and_is_bounded(attempts: int) -> None:
    assert FIRST <= backoff(attempts) <= backoff(attempts + 1) <= FIRST * 2**15
    assert LONGEST_ASKED < FIRST * 2**15
