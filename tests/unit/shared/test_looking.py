"""How often a component looks for what is to be done."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from shared.errors import TryLater
from shared.looking import Looking


class _Hasty(asyncio.SelectorEventLoop):
    """A loop in which nobody waits: when nothing is ready, it is as late as the next timer wants it."""

    _ready: Any
    _scheduled: Any
    now = 0.0

    def time(self) -> float:
        return self.now

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:
            self.now = max(self.now, self._scheduled[0]._when)
        super()._run_once()  # type: ignore[misc]


def looks(
    found: Callable[[float], int],
    until: float,
    meanwhile: Callable[[Looking], Awaitable[None]] | None = None,
    *,
    every: float = 1.0,
) -> list[float]:
    """When one looked that looks every second, or as told, and every 8 at the longest."""
    times: list[float] = []

    async def live() -> None:
        loop = asyncio.get_running_loop()

        async def look() -> int:
            times.append(loop.time())
            return found(loop.time())

        looking = Looking("test", look, every=every, longest=8.0, waits="test_waits")
        await looking.start()
        if meanwhile is not None:
            await meanwhile(looking)
        await asyncio.sleep(until - loop.time())
        await looking.stop(1.0)

    with asyncio.Runner(loop_factory=_Hasty) as runner:
        runner.run(live())
    return times


def test_looks_as_often_as_it_was_told_while_there_is_something() -> None:
    assert looks(lambda _: 3, until=3.5) == [0, 1, 2, 3]


def test_looks_ever_less_often_while_there_is_nothing() -> None:
    assert looks(lambda _: 0, until=31) == [0, 2, 6, 14, 22, 30]


def test_is_quick_again_once_there_is_something() -> None:
    assert looks(lambda now: now == 6, until=15) == [0, 2, 6, 7, 9, 13]


def test_looks_at_once_when_it_is_woken() -> None:
    async def wake(looking: Looking) -> None:
        await asyncio.sleep(16)
        looking.wake()

    assert looks(lambda _: 0, until=19, meanwhile=wake) == [0, 2, 6, 14, 16, 18]


def test_looks_soon_when_it_is_hurried_however_often() -> None:
    async def hurry(looking: Looking) -> None:
        await asyncio.sleep(16)
        looking.hurry()
        await asyncio.sleep(0.5)
        looking.hurry()

    assert looks(lambda _: 0, until=18, meanwhile=hurry) == [0, 2, 6, 14, 17]


def test_a_look_that_has_to_be_tried_again_is_tried_as_soon_as_if_it_had_found_something() -> None:
    def found(now: float) -> int:
        if now < 2:
            raise TryLater("store_unavailable", "no answer")
        return 0

    assert looks(found, until=5) == [0, 1, 2, 4]


def test_who_looks_often_leaves_alone_for_half_a_second_what_did_not_answer() -> None:
    def found(now: float) -> int:
        if now < 1:
            raise TryLater("broker_unavailable", "no answer")
        return 1

    assert looks(found, until=1.12, every=0.05) == pytest.approx([0, 0.5, 1, 1.05, 1.1])


async def test_ends_with_the_error_of_a_look() -> None:
    async def look() -> int:
        raise ValueError("a fault of ours")

    looking = Looking("test", look, every=60.0, waits="test_waits")
    await looking.start()

    with pytest.raises(ValueError, match="a fault of ours"):
        await looking.wait()

    assert not looking.health().live
    await looking.stop(1.0)


async def test_is_ready_while_it_looks_and_can_be_started_anew() -> None:
    looked = asyncio.Event()

    async def look() -> int:
        looked.set()
        return 0

    looking = Looking("test", look, every=60.0, waits="test_waits")
    looking.hurry()
    assert not looking.health().ready
    for _ in range(2):
        looked.clear()
        await looking.start()
        assert looking.health().ready
        await asyncio.wait_for(looked.wait(), 30.0)
        await looking.stop(1.0)
        assert looking.health() == type(looking.health())(ready=False, reason="not running")
