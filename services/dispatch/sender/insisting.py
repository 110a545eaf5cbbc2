"""Calls to a store or a broker that are made until they are answered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from shared.errors import TryLater
from shared.telemetry.logs import get_log

A = TypeVar("A")

_log = get_log()

PAUSE_SECONDS: Final = 0.5
"""Between two tries."""


async def insist(event: str, act: Callable[[], Awaitable[A]], **about: str | int) -> A:
    """Act until it is done, however long the store or the broker is away; each failure is logged as `event`."""
    while True:
        try:
            return await act()
        except TryLater as error:
            _log.warning(event, code=error.code, **about)
            await asyncio.sleep(PAUSE_SECONDS)
