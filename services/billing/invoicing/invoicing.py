"""The role's work as a component: looks for months that are to be closed, and write-offs that are to be told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from shared.errors import TryLater
from shared.lifecycle import Health
from shared.tasks import end
from shared.telemetry.logs import get_log

_log = get_log()


class Invoicing:
    """Looks every `seconds`; several processes may, for every step may be taken by any."""

    def __init__(self, *steps: Callable[[], Awaitable[bool]], seconds: float) -> None:
        """Each of `steps` is taken until it says that nothing is left."""
        self.name = "invoicing"
        self._steps = steps
        self._seconds = seconds
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._run(), name=self.name)

    async def stop(self, deadline: float) -> None:  # noqa: ARG002 - a step that is cut off is taken again
        """End."""
        if self._task is not None:
            await end(self._task)
            self._task = None

    async def wait(self) -> None:
        """Raise what ended it."""
        if self._task is not None:
            await asyncio.shield(self._task)

    def health(self) -> Health:
        """Ready while it runs."""
        running = self._task is not None and not self._task.done()
        return Health(ready=running, live=running or self._task is None, reason="" if running else "not running")

    async def _run(self) -> None:
        while True:
            try:
                for step in self._steps:
                    while await step():
                        pass
            except TryLater as error:
                _log.warning("invoicing_waits", code=error.code)
            await asyncio.sleep(self._seconds)
