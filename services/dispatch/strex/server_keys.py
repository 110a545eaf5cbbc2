"""The keys that Strex signs its calls with, fetched by name and remembered for a while."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from shared.clock import Clock
from shared.strex.signatures import PublicKey

_GOOD_FOR: Final = 3600.0
_UNKNOWN_FOR: Final = 60.0
_MOST: Final = 100


class ServerKeys:
    """At most 100 names are remembered, those that nobody has too: whoever makes names up asks Strex but once each."""

    def __init__(self, fetch: Callable[[str], Awaitable[PublicKey | None]], clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, PublicKey | None]] = OrderedDict()

    async def get(self, name: str) -> PublicKey | None:
        """The key of a name, or None. Raises `TryLater`."""
        entry = self._known.get(name)
        if entry is not None and self._clock.monotonic() < entry[0]:
            return entry[1]
        key = await self._fetch(name)
        self._known.pop(name, None)
        while len(self._known) >= _MOST:
            self._known.popitem(last=False)
        self._known[name] = (self._clock.monotonic() + (_UNKNOWN_FOR if key is None else _GOOD_FOR), key)
        return key
