"""What tests of all kinds lean on."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable

_FIRST_PAUSE, _LONGEST_PAUSE = 0.002, 0.1  # seconds


async def wait_until(
    condition: Callable[[], bool | Awaitable[bool]], deadline: float = 30.0, *, waiting_for: str = ""
) -> None:
    """Poll a condition, plain or async, until it holds.

    Fails after `deadline` seconds, naming what was waited for: `waiting_for`, or else the condition's own source.
    """
    until = time.monotonic() + deadline
    pause = _FIRST_PAUSE
    while True:
        answer = condition()
        if await answer if inspect.isawaitable(answer) else answer:
            return
        if time.monotonic() > until:
            raise AssertionError(f"after {deadline:g} s still waiting for: {waiting_for or _source(condition)}")
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


def _source(condition: Callable[[], object]) -> str:
    try:
        return " ".join(inspect.getsource(condition).split())
    except (OSError, TypeError):
        return repr(condition)
