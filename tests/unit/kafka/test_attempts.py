"""A failing batch is halved until every record has its verdict, and the good ones keep their order."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import BadRecord, Fatal, Refused, TryLater
from shared.kafka.attempts import Attempt
from shared.kafka.record import Received, Record, TopicPartition


def records(count: int) -> list[Record]:
    return [Record("t", 0, 10 + 2 * number, 0, None, str(number).encode(), ()) for number in range(count)]


def decode(record: Record) -> int:
    return int(record.value or b"")


@given(count=st.integers(0, 60), data=st.data())
async def test_every_record_is_either_handled_once_or_rejected(count: int, data: st.DataObject) -> None:
    unreadable = data.draw(st.sets(st.integers(0, 59), max_size=4))
    refused = data.draw(st.sets(st.integers(0, 59), max_size=4))
    calls = 0

    def strict(record: Record) -> int:
        if decode(record) in unreadable:
            raise BadRecord("unreadable", "value is unreadable")
        return decode(record)

    async def handle(batch: Sequence[Received[int]]) -> list[int]:
        nonlocal calls
        calls += 1
        assert batch
        if any(received.event in refused for received in batch):
            raise Refused("no", "refused")
        return [received.event for received in batch]

    attempt: Attempt[int, list[int]] = Attempt(records(count), strict)
    await attempt.run(handle)
    handled = [event for result in attempt.results for event in result]
    assert handled == [n for n in range(count) if n not in unreadable | refused]
    dead = {n for n in unreadable | refused if n < count}
    assert sorted(decode(rejected.record) for rejected in attempt.rejected) == sorted(dead)
    assert attempt.dead_offsets(TopicPartition("t", 0)) == {10 + 2 * n for n in dead}
    assert attempt.dead_offsets(TopicPartition("t", 1)) == frozenset()
    assert calls <= 1 + 2 * len(refused) * math.ceil(math.log2(count or 1) + 1)


async def test_patience_and_fatal_errors_are_not_halved() -> None:
    calls, error = 0, Exception()

    async def handle(batch: Sequence[Received[int]]) -> None:
        nonlocal calls
        calls += 1
        raise error

    for error in (TryLater("later", "later"), Fatal("stop", "stop")):
        calls = 0

        attempt: Attempt[int, None] = Attempt(records(8), decode)
        with pytest.raises(type(error)):
            await attempt.run(handle)
        assert calls == 1


async def test_an_error_of_the_batch_that_no_record_repeats_is_forgiven() -> None:
    async def handle(batch: Sequence[Received[int]]) -> int:
        if len(batch) > 2:
            raise RuntimeError
        return len(batch)

    attempt: Attempt[int, int] = Attempt(records(7), decode)
    await attempt.run(handle)
    assert sum(attempt.results) == 7


async def test_running_again_starts_anew() -> None:
    answers = [TryLater("later", "later"), None]

    async def handle(batch: Sequence[Received[int]]) -> int:
        if any(received.event == 1 for received in batch):
            raise Refused("no", "refused")
        if batch[0].event == 2 and (error := answers.pop(0)):
            raise error
        return len(batch)

    attempt: Attempt[int, int] = Attempt(records(4), decode)
    with pytest.raises(TryLater):
        await attempt.run(handle)
    await attempt.run(handle)
    assert (sum(attempt.results), len(attempt.rejected)) == (3, 1)
