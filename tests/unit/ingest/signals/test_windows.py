"""Counts become windows, windows become signals."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.ingest.signals.windows import Thresholds, Window, add, over, start_of, told
from shared.contracts.abuse import Signal, TrafficCounted
from shared.ids import AccountId

ACME = AccountId("acme")
START = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
LIMITS = Thresholds(window=timedelta(minutes=1), volume=100, failures=50, least=20)


def counted(second: int, passed: int = 0, refused: int = 0, held: int = 0) -> TrafficCounted:
    return TrafficCounted(
        account_id=ACME, until=START + timedelta(seconds=second), passed=passed, refused=refused, held=held
    )


def folded(*counts: TrafficCounted, known: Window | None = None, first: int = 0) -> Window:
    for offset, count in enumerate(counts, first):
        known = add(known, count, 0, offset, LIMITS)
    assert known is not None
    return known


def signals(before: Window | None, after: Window) -> list[tuple[str, bool, int]]:
    return [(change.signal, change.on, change.value) for change in told(before, after, START, LIMITS)]


def test_windows_lie_on_whole_multiples() -> None:
    assert start_of(START + timedelta(seconds=59.9), LIMITS.window) == START
    assert start_of(START + timedelta(seconds=60), LIMITS.window) == START + LIMITS.window


def test_counts_of_a_window_add_up_and_the_next_one_begins_at_nothing() -> None:
    window = folded(counted(1, 30, 5), counted(59, 10, 0, 7))
    assert (window.start, window.requested, window.refused, window.offset) == (START, 52, 5, 1)

    window = folded(counted(60, 3), known=window, first=2)
    assert (window.start, window.requested, window.refused) == (START + LIMITS.window, 3, 0)


def test_a_late_count_is_added_to_the_newest_window() -> None:
    assert folded(counted(61, 3), counted(59, 4)).requested == 7


@given(st.lists(st.integers(0, 300), min_size=1, max_size=30), st.data())
def test_whatever_is_replayed_is_counted_once(seconds: list[int], data: st.DataObject) -> None:
    counts = [counted(second, 10) for second in sorted(seconds)]
    whole = folded(*counts)

    window: Window | None = None
    position = 0
    while position < len(counts):
        end = data.draw(st.integers(position + 1, len(counts)))
        again = data.draw(st.integers(0, position))
        for offset in range(again, end):
            window = add(window, counts[offset], 0, offset, LIMITS)
        position = end

    assert window == whole


def test_counts_of_another_partition_are_counted() -> None:
    window = folded(counted(1, 30))
    assert add(window, counted(2, 5), 1, 0, LIMITS).requested == 35


def test_volume_is_on_above_the_threshold_and_told_with_each_count() -> None:
    calm = folded(counted(1, 100))
    assert signals(None, calm) == []
    high = folded(counted(2, 1), known=calm, first=1)
    assert signals(calm, high) == [("volume", True, 101)]
    higher = folded(counted(3, 1), known=high, first=2)
    assert signals(high, higher) == [("volume", True, 102)]


def test_a_replay_tells_again_what_a_crash_left_untold() -> None:
    high = folded(counted(1, 101))
    assert signals(high, folded(counted(1, 101), known=high)) == [("volume", True, 101)]


def test_failures_are_on_from_a_share_of_enough_requests() -> None:
    assert signals(None, folded(counted(1, 0, 19))) == []
    assert signals(None, folded(counted(1, 11, 10))) == []
    assert signals(None, folded(counted(1, 10, 10))) == [("failures", True, 50)]


def test_a_signal_goes_off_with_the_first_window_that_does_not_say_it() -> None:
    high = folded(counted(1, 101))
    next_ = folded(counted(60, 5), known=high, first=1)
    assert (next_.on, signals(high, next_)) == ((Signal.VOLUME,), [])
    third = folded(counted(120, 5), known=next_, first=2)
    assert (third.on, signals(next_, third)) == ((), [("volume", False, 5)])


def test_a_signal_goes_off_over_a_window_without_traffic() -> None:
    high = folded(counted(1, 101))
    later = folded(counted(180, 5), known=high, first=1)
    assert signals(high, later) == [("volume", False, 5)]


def settled(window: Window, seconds: int) -> Sequence[Signal]:
    return over(window, START + timedelta(seconds=seconds), LIMITS).on


def test_without_any_more_traffic_time_alone_takes_a_signal_back() -> None:
    high = folded(counted(1, 101))
    assert [settled(high, seconds) for seconds in (59, 60, 119, 120)] == [(Signal.VOLUME,)] * 3 + [()]
    calm = folded(counted(60, 5), known=high, first=1)
    assert [settled(calm, seconds) for seconds in (119, 120)] == [(Signal.VOLUME,), ()]
