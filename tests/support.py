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

    Fails when it does not hold after `deadline` seconds, naming what was waited for: `waiting_for`, or else the
    condition's own source. The last look begins after them: on a machine that had no time for us, looks from before
    say nothing.
    """
    until = time.monotonic() + deadline
    pause = _FIRST_PAUSE
    while True:
        last = time.monotonic() > until
        answer = condition()
        if await answer if inspect.isawaitable(answer) else answer:
            return
        if last:
            raise AssertionError(f"after {deadline:g} s still waiting for: {waiting_for or _source(condition)}")
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


def _source(condition: Callable[[], object]) -> str:
    try:
        return " ".join(inspect.getsource(condition).split())
    except (OSError, TypeError):
        return repr(condition)
