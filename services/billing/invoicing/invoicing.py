"""The role's work as a component: looks for months that are to be closed, and closes them."""

from __future__ import annotations

import asyncio

from services.billing.invoicing.closer import Closer
from shared.errors import TryLater
from shared.lifecycle import Health
from shared.tasks import end
from shared.telemetry.logs import get_log

_log = get_log()


class Invoicing:
    """Looks every `seconds`; several processes may, for every step may be taken by any."""

    def __init__(self, closer: Closer, *, seconds: float) -> None:
        self.name = "invoicing"
        self._closer = closer
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
                while await self._closer.step():
                    pass
            except TryLater as error:
                _log.warning("invoicing_waits", code=error.code)
            await asyncio.sleep(self._seconds)
