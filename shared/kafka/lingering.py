"""Waiting for company before a transaction, which costs as much as some hundred records."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

LONGEST: Final = 2.5
"""Times `seconds`: for so long at most."""


async def linger(waiting: Callable[[], int], most: int, seconds: float) -> None:
    """Return once nothing more came for `seconds`, or `most` wait, or after 2.5 times `seconds`."""
    before, left = 0, LONGEST * seconds
    while left > 0 and before < (now := waiting()) < most:
        before = now
        await asyncio.sleep(min(seconds, left))
        left -= seconds
