"""Dead letters keep what they carried, say why they are there, and are counted."""

from __future__ import annotations

import pytest

from shared.errors import BadRecord
from shared.kafka.dead_letters import DEAD_LETTER_BYTES, DeadLetterCount, DeadLetterLimit, dead_letter
from shared.kafka.record import Record
from tests.unit.kafka.kit import header_values


def record(offset: int = 5, headers: tuple[tuple[str, bytes], ...] = ()) -> Record:
    return Record("t", 2, offset, 0, b"k", b"v", headers)


def after(count: DeadLetterCount, verdicts: str, first: int = 0) -> DeadLetterCount:
    """The count after records that were good (`.`) or dead (`x`)."""
    records = [record(first + n) for n in range(len(verdicts))]
    return count.after(records, {first + n for n, verdict in enumerate(verdicts) if verdict == "x"})


def test_a_dead_letter_that_fails_again_keeps_its_first_time_and_gets_the_newest_reason() -> None:
    first = dead_letter(
        record(headers=(("a", b"1"),)), BadRecord("one", "first"), topic="t.dlq", partition=0, group="g", now_ms=111
    )
    back = Record("t", 0, 9, 0, first.key, first.value, first.headers)
    again = dead_letter(back, BadRecord("two", "second"), topic="t.dlq", partition=0, group="h", now_ms=222)
    headers = header_values(Record("", 0, 0, 0, None, None, again.headers))
    assert len(headers) == len(again.headers)
    assert headers["a"] == "1"
    assert headers["dlq-first-failed-at"] == "111"
    assert (headers["dlq-error-type"], headers["dlq-source-offset"], headers["dlq-source-group"]) == ("two", "9", "h")


def test_a_long_reason_is_cut_between_letters() -> None:
    letter = dead_letter(record(), BadRecord("long", "å" * 2000), topic="d", partition=0, group="g", now_ms=1)
    message = dict(letter.headers)["dlq-error-message"]
    assert message.decode() == "å" * 512


@pytest.mark.parametrize("part", ["value", "header", "key"])
def test_of_a_record_that_does_not_fit_only_the_reason_is_kept(part: str) -> None:
    big = bytes(DEAD_LETTER_BYTES)
    bad = Record(
        "t",
        2,
        5,
        0,
        big if part == "key" else b"k",
        big if part == "value" else b"v",
        (("a", big if part == "header" else b"1"),),
    )
    letter = dead_letter(bad, BadRecord("large", "too large"), topic="d", partition=0, group="g", now_ms=1)
    assert (letter.key, letter.value) == (None, None)
    headers = header_values(Record("", 0, 0, 0, None, None, letter.headers))
    assert int(headers["dlq-left-out"]) > DEAD_LETTER_BYTES
    assert (headers["dlq-source-topic"], headers["dlq-source-offset"], headers["dlq-error-type"]) == ("t", "5", "large")


@pytest.mark.parametrize(
    ("verdicts", "exceeded"), [("xxx", False), ("xxxx", True), ("xx.xx.xxx", False), (".xxxx.....", True)]
)
def test_too_many_in_a_row(verdicts: str, exceeded: bool) -> None:
    count = DeadLetterCount(DeadLetterLimit(consecutive=3, ratio=1.0, window=100))
    assert after(count, verdicts).exceeded is exceeded


def test_a_row_goes_on_over_batches_and_ends_with_a_good_record() -> None:
    limit = DeadLetterLimit(consecutive=3, ratio=1.0, window=100)
    count = after(DeadLetterCount(limit), "xx")
    assert after(count, "xx", 2).exceeded
    count.good(1)
    assert not after(count, "xx", 3).exceeded


def test_the_ratio_counts_only_over_a_full_window() -> None:
    count = DeadLetterCount(DeadLetterLimit(consecutive=100, ratio=0.2, window=10))
    count = after(count, "xx.x.")
    assert not count.exceeded
    assert after(count, ".....", 5).exceeded is False  # the window ends with a good record: nothing new to judge
    assert after(count, "....x", 5).exceeded
    count.good(8)
    assert not after(count, "x", 13).exceeded


def test_counting_ahead_does_not_change_the_count() -> None:
    count = DeadLetterCount(DeadLetterLimit(consecutive=3, ratio=1.0, window=100))
    for _ in range(10):
        assert not after(count, "xx").exceeded
