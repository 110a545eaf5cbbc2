"""A clock that jumps for hours, as after a suspended machine or a wrong time server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from shared.clock import Clock
from shared.kafka.record import Received
from tests.integration.kafka.attacking import fill
from tests.support import wait_until
from tests.unit.kafka.behaviour_transactional import numbers
from tests.unit.kafka.kit import Finish, Kit, copies_to, dead_letter_topic, header_values

HOUR = 3600.0


class Jumpy:
    """Wall time that is hours wrong, now this way and now that; time since the start that leaps when it is told to."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._leapt = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self._random.uniform(-12 * HOUR, 12 * HOUR))

    def monotonic(self) -> float:
        return time.monotonic() + self._leapt

    def leap(self) -> None:
        """As if the machine had been suspended."""
        self._leapt += self._random.uniform(HOUR, 12 * HOUR)


@pytest.fixture
async def jumpy(kit: Kit) -> Jumpy:
    """The clock of everything that the kit makes."""
    kit.clock = clock = Jumpy(Random(30))
    check: Clock = clock
    assert check is clock
    return clock


async def test_a_transactional_stage_on_a_clock_that_jumps(kit: Kit, jumpy: Jumpy) -> None:
    """The clock of a transactional stage and a sender is hours wrong at every look and leaps by hours at work.

    Holds: nothing stalls or ends, each record exactly once; dead letters bear the time that they were told.
    """
    source, target, group = await kit.topic(2), await kit.topic(2), kit.group()
    runner = await kit.transactional([source], copies_to(target), group=group, max_batch=20, stall_after=1.0)
    await wait_until(lambda: runner.health().ready, 20.0)
    for round_ in range(10):
        jumpy.leap()
        await fill(kit, source, 2, 100, round_ * 100)
        await wait_until(lambda: runner.health().live)
    await kit.write(source, "poison")
    await kit.until_values(target, numbers(1000), 40.0)
    await kit.until_no_lag(group, source, 2)
    (letter,) = await kit.until_records(dead_letter_topic(source), 1)
    assert abs(int(header_values(letter)["dlq-first-failed-at"]) / 1000 - time.time()) < 13 * HOUR
    await wait_until(lambda: runner.health().ready)


async def test_an_at_least_once_stage_on_a_clock_that_jumps(kit: Kit, jumpy: Jumpy) -> None:
    """The clock of an at-least-once stage does the same, while its finishes come late and it is stopped after a leap.

    Holds: nothing stalls or ends, every record is finished, and once as long as nobody dies.
    """
    source, group = await kit.topic(2), kit.group()
    finished: list[str] = []

    async def handle(batch: Sequence[Received[str]], finish: Finish) -> None:
        for received in batch:
            finished.append(received.event)
            asyncio.get_running_loop().call_later(0.01, finish, received)

    runner = await kit.at_least_once([source], handle, group=group, max_batch=20, stall_after=1.0)
    await wait_until(lambda: runner.health().ready, 20.0)
    for round_ in range(10):
        jumpy.leap()
        await fill(kit, source, 2, 100, round_ * 100)
        await wait_until(lambda: runner.health().live)
    await kit.until_no_lag(group, source, 2)
    jumpy.leap()
    await runner.stop(5.0)
    assert sorted(finished, key=int) == numbers(1000)
