"""A component that does what a test says, and remembers what was done to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from shared.lifecycle import Health


async def nothing() -> None:
    """Ends at once."""


async def for_ever() -> None:
    """Never ends."""
    await asyncio.Event().wait()


class Scripted:
    """Writes `<verb> <name>` into a shared list; what it does beside that is given."""

    def __init__(
        self,
        name: str,
        done: list[str],
        *,
        start: Callable[[], Awaitable[None]] = nothing,
        stop: Callable[[], Awaitable[None]] = nothing,
        wait: Callable[[], Awaitable[None]] = for_ever,
        state: Health | None = None,
    ) -> None:
        self.name = name
        self.state = state or Health(ready=True)
        self.deadlines: list[float] = []
        self._done = done
        self._start = start
        self._stop = stop
        self._wait = wait

    async def start(self) -> None:
        self._done.append(f"start {self.name}")
        await self._start()

    async def stop(self, deadline: float) -> None:
        self._done.append(f"stop {self.name}")
        self.deadlines.append(deadline)
        await self._stop()

    async def wait(self) -> None:
        await self._wait()

    def health(self) -> Health:
        return self.state
