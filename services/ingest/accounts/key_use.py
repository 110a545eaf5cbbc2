"""Puts on record on which day a key was last used: once a minute, in one write, off the path of requests."""

from __future__ import annotations

import asyncio
from typing import Final

from services.ingest.accounts.keys import KeyId
from services.ingest.accounts.store import AccountStore
from shared.clock import Clock
from shared.errors import TryLater
from shared.looking import Looking
from shared.telemetry.logs import get_log

_log = get_log()

_EVERY: Final = 60.0
_NOT_WRITTEN: Final = "key_use_not_written"


class KeyUse(Looking):
    """A component that empties the set `used` into the store. What a crash forgets, the next use tells again."""

    def __init__(self, used: set[KeyId], store: AccountStore, clock: Clock, *, every: float = _EVERY) -> None:
        """`every` is in seconds."""
        super().__init__("use of keys", self._write, every=every, first=every, waits=_NOT_WRITTEN)
        self._used = used
        self._store = store
        self._clock = clock

    async def stop(self, deadline: float) -> None:
        """Write what is left."""
        await super().stop(deadline)
        try:
            async with asyncio.timeout(deadline):
                await self._write()
        except TryLater as error:
            _log.warning(_NOT_WRITTEN, code=error.code)

    async def _write(self) -> None:
        keys = set(self._used)
        if not keys:
            return
        await self._store.used(keys, self._clock.now().date().isoformat())
        self._used -= keys
