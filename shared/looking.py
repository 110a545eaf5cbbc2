"""Components that look again and again for what is to be done: the one loop of all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from shared.errors import TryLater
from shared.lifecycle import Health
from shared.tasks import end
from shared.telemetry.logs import get_log

_log = get_log()

Look: TypeAlias = Callable[[], Awaitable[int | None]]
"""Does what is to be done, and returns something true when there was something, or will be in a moment. Idempotent:
what a look that is cut off has left is done by a later one, of this process or another. Raises `TryLater`.
"""
_LEAST: Final = 0.05
_AGAIN: Final = 0.5
"""Seconds that a store or a broker which did not answer is left alone, at least."""


class Looking:
    """Looks `every` seconds while there is something, ever less often while there is nothing, and at once when woken.

    Each look that finds nothing doubles the time to the next one, up to `longest` seconds. One that raises `TryLater`
    is logged, and tried again after `every` seconds, half a second at least; other errors end the component (`wait`
    raises them). To be inherited, or used as it is.
    """

    def __init__(
        self, name: str, look: Look, *, every: float, longest: float = 0.0, first: float = 0.0, waits: str
    ) -> None:
        """The first look comes after `first` seconds; `longest` is `every` if it is less. `waits` is the name of the
        log's event for a look that has to be tried again.
        """
        self.name = name
        self._act = look
        self._every = every
        self._longest = max(longest, every)
        self._first = first
        self._waits = waits
        self._pause = every
        self._goes_off = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """There is something to be done: look at once."""
        self._pause = self._every
        self._woken.set()

    def hurry(self) -> None:
        """There will be something: look within `every` seconds. Costs next to nothing, however often it is called."""
        self._pause = self._every
        if self._task is not None:
            self.look_within(self._every)

    def look_within(self, seconds: float) -> None:
        """Look after so many seconds, unless one looks earlier anyway."""
        loop = asyncio.get_running_loop()
        due = loop.time() + seconds
        if self._timer is None or due < self._goes_off:
            self._forget_timer()
            self._goes_off = due
            self._timer = loop.call_at(due, self._woken.set)

    async def start(self) -> None:
        """Begin."""
        self.look_within(self._first)
        self._task = asyncio.create_task(self._run(), name=self.name)

    async def stop(self, deadline: float) -> None:  # noqa: ARG002 - what is left is done by a later look
        """End. Repeatable."""
        if self._task is not None:
            await end(self._task)
            self._task = None
        self._forget_timer()

    async def wait(self) -> None:
        """Return or raise when the loop ended by itself."""
        if self._task is not None:
            await asyncio.shield(self._task)

    def health(self) -> Health:
        """Ready while it runs."""
        running = self._task is not None and not self._task.done()
        return Health(ready=running, live=running or self._task is None, reason="" if running else "not running")

    async def _run(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            self._forget_timer()
            try:
                found = await self._act()
                self._pause = self._every if found else min(max(self._pause * 2, _LEAST), self._longest)
            except TryLater as error:
                _log.warning(self._waits, code=error.code)
                self._pause = max(self._every, _AGAIN)
            self.look_within(self._pause)

    def _forget_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
