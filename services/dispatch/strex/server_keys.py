"""The keys that Strex signs its calls with, fetched by name and remembered for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from shared.clock import Clock
from shared.errors import TryLater
from shared.strex.signatures import PublicKey

_GOOD_FOR: Final = 3600.0
_UNKNOWN_FOR: Final = 60.0
MOST_UNKNOWN: Final = 10


class ServerKeys:
    """Keys of Strex for an hour, names that it does not know for a minute.

    A name comes from whoever calls. Ten that are made up have Strex asked, then no new one is looked up for a while;
    a key that was good stays so, whatever else is asked for.
    """

    def __init__(self, fetch: Callable[[str], Awaitable[PublicKey | None]], clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._good: dict[str, tuple[float, PublicKey]] = {}
        self._unknown: dict[str, float] = {}
        self._asking = asyncio.Lock()

    async def get(self, name: str) -> PublicKey | None:
        """The key of a name, or None. Raises `TryLater`, also (`too_many_key_names`) while too many were made up."""
        if (key := self._remembered(name)) is not None:
            return key
        async with self._asking:
            if (key := self._remembered(name)) is not None:
                return key
            now = self._clock.monotonic()
            self._unknown = {one: until for one, until in self._unknown.items() if now < until}
            if name in self._unknown:
                return None
            if name not in self._good and len(self._unknown) >= MOST_UNKNOWN:
                raise TryLater("too_many_key_names", "no name of a key is looked up that is not known already")
            key = await self._fetch(name)
            if key is None:
                self._good.pop(name, None)
                self._unknown[name] = now + _UNKNOWN_FOR
            else:
                self._good[name] = (now + _GOOD_FOR, key)
            return key

    def _remembered(self, name: str) -> PublicKey | None:
        until, key = self._good.get(name, (0.0, None))
        return key if self._clock.monotonic() < until else None
