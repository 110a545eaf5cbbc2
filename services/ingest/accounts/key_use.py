"""Puts on record on which day a key was last used: once a minute, in one write, off the path of requests."""

from __future__ import annotations

import asyncio
from typing import Final

from services.ingest.accounts.keys import KeyId
from services.ingest.accounts.store import AccountStore
from shared.clock import Clock
from shared.errors import TryLater
from shared.lifecycle import Health
from shared.tasks import end
from shared.telemetry.logs import get_log

_log = get_log()

_EVERY: Final = 60.0


class KeyUse:
    """A component that empties the set `used` into the store. What a crash forgets, the next use tells again."""

    def __init__(self, used: set[KeyId], store: AccountStore, clock: Clock, *, every: float = _EVERY) -> None:
        """`every` is in seconds."""
        self.name = "use of keys"
        self._used = used
        self._store = store
        self._clock = clock
        self._every = every
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name=self.name)

    async def stop(self, deadline: float) -> None:
        """Write what is left."""
        if self._task is not None:
            await end(self._task)
            self._task = None
            async with asyncio.timeout(deadline):
                await self._write()

    async def wait(self) -> None:
        """Return or raise when the loop ended by itself."""
        if self._task is not None:
            await asyncio.shield(self._task)

    def health(self) -> Health:
        """Ready while it runs."""
        running = self._task is not None and not self._task.done()
        return Health(ready=running, reason="" if running else "not running")

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            await self._write()

    async def _write(self) -> None:
        keys = set(self._used)
        if not keys:
            return
        try:
            await self._store.used(keys, self._clock.now().date().isoformat())
        except TryLater as error:
            _log.warning("key_use_not_written", code=error.code)
        else:
            self._used -= keys
