"""Waiting for company before a transaction, which costs as much as some hundred records."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

ROUNDS: Final = 5


async def linger(waiting: Callable[[], int], most: int, seconds: float) -> None:
    """Return once nothing more came for `seconds`, or `most` wait, or after five times `seconds`."""
    before, rounds = 0, ROUNDS if seconds else 0
    while rounds and before < (now := waiting()) < most:
        before, rounds = now, rounds - 1
        await asyncio.sleep(seconds)
