"""A component that is one loop."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod

from shared.lifecycle import Health
from shared.tasks import end


class Looping(ABC):
    """Loops from start to stop, which cuts it off wherever it is: what it had begun is done again by whoever is next.
    To be inherited.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name=self.name)

    async def stop(self, deadline: float) -> None:  # noqa: ARG002 - nothing is waited for
        """End."""
        if self._task is not None:
            await end(self._task)
            self._task = None

    async def wait(self) -> None:
        """Raise what ended the loop; it never ends by itself."""
        if self._task is not None:
            await asyncio.shield(self._task)

    def health(self) -> Health:
        """Ready once started."""
        return Health(ready=self._task is not None, reason="" if self._task else "not started")

    @abstractmethod
    async def _run(self) -> None:
        """For ever."""
