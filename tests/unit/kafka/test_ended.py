"""A part of a client that is thrown away is waited for so long and no longer, whatever it does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from shared.kafka.aio.common import ended

LONG = 60.0


async def closes() -> None:
    await asyncio.sleep(0)


async def fails() -> None:
    raise ConnectionError("gone")


async def hangs() -> None:
    await asyncio.sleep(LONG)


async def is_cancelled_itself() -> None:
    raise asyncio.CancelledError


async def swallows_the_cancellation_and_hangs() -> None:
    """As the library's client does: it is told to end its task, then waits for its connections."""
    with suppress(asyncio.CancelledError):
        await asyncio.sleep(LONG)
    await asyncio.sleep(LONG)


@pytest.mark.parametrize(
    ("work", "closed"),
    [
        (closes, True),
        (fails, False),
        (hangs, False),
        (is_cancelled_itself, False),
        (swallows_the_cancellation_and_hangs, False),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
async def test_the_limit_holds(work: Callable[[], Awaitable[None]], closed: bool) -> None:
    async with asyncio.timeout(LONG / 6):
        assert await ended(work(), 0.02) is closed


async def test_who_waits_may_be_cancelled_and_takes_the_work_along() -> None:
    begun, over = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.sleep(LONG)
        finally:
            over.set()

    waiting = asyncio.create_task(ended(work(), LONG))
    await begun.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await over.wait()
