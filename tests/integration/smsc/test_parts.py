"""The simulator's memory and timetable."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from shared.clock import SystemClock
from shared.smpp.pdu import SubmitSm
from simulators.smsc import taken
from simulators.smsc.taken import Taken
from simulators.smsc.timetable import Timetable
from tests.support import wait_until

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_a_duplicate_has_source_destination_and_content_of_a_remembered_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(taken, "_REMEMBERED", 3)
    memory = Taken(bodies=2)

    def add(content: bytes) -> bool:
        return memory.add(SubmitSm(short_message=content), 1, b"esme", NOW).duplicate

    assert [add(b"a"), add(b"b"), add(b"a"), add(b"c"), add(b"d"), add(b"b"), add(b"d")] == [
        False,
        False,
        True,
        False,
        False,
        False,
        True,
    ]
    assert (memory.count, memory.duplicates, len(memory.after(0, 10))) == (7, 2, 2)


async def test_a_timetable_hands_over_in_order_of_time() -> None:
    handed: list[str] = []
    timetable = Timetable(SystemClock(), handed.append)

    timetable.add(0.04, "last")
    timetable.add(0.0, "first")
    timetable.add(0.02, "middle")
    timetable.add(0.02, "middle, added later")
    await wait_until(lambda: len(timetable) == 0)

    assert handed == ["first", "middle", "middle, added later", "last"]


async def test_a_timetable_needs_one_timer_and_no_task_for_any_number_of_items() -> None:
    handed: list[int] = []
    timetable = Timetable(SystemClock(), handed.append)
    tasks = len(asyncio.all_tasks())

    for number in range(1_000):
        timetable.add(0.01, number)

    assert len(asyncio.all_tasks()) == tasks
    await wait_until(lambda: len(handed) == 1_000)
    assert handed == list(range(1_000))


async def test_a_cleared_timetable_hands_over_nothing() -> None:
    handed: list[str] = []
    cleared, other = Timetable(SystemClock(), handed.append), Timetable(SystemClock(), handed.append)

    cleared.add(0.0, "dropped")
    cleared.clear()
    other.add(0.02, "kept")
    await wait_until(lambda: bool(handed))

    assert handed == ["kept"]
