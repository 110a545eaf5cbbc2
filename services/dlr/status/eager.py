"""Which accounts hear of each state as it comes, and not only along with the next one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import TypeAlias

from shared.clock import Clock
from shared.ids import AccountId

Wanting: TypeAlias = Callable[[Collection[AccountId]], Awaitable[Collection[AccountId]]]
"""Those of the accounts with a webhook endpoint for a state that passes by itself. Raises `TryLater`."""

Paired: TypeAlias = Callable[[Collection[AccountId]], Awaitable[Mapping[AccountId, int]]]
"""Those of the accounts whose own systems read topics, and how many partitions these have. Raises `TryLater`."""


class Eager:
    """Answers from memory for `ttl` seconds; knows at most `size` accounts.

    Who asks to be told meanwhile misses nothing: what was not told at once comes with the next state.
    """

    def __init__(self, wanting: Wanting, paired: Paired, clock: Clock, *, ttl: float = 1.0, size: int = 50_000) -> None:
        self._wanting = wanting
        self._paired = paired
        self._clock = clock
        self._ttl = ttl
        self._size = size
        self._known: dict[AccountId, bool] = {}
        self._until = 0.0

    async def of(self, accounts: Collection[AccountId]) -> Collection[AccountId]:
        """Those of the accounts. Raises `TryLater`."""
        now = self._clock.monotonic()
        if now >= self._until or len(self._known) > self._size:
            self._known, self._until = {}, now + self._ttl
        unknown = [account for account in accounts if account not in self._known]
        if unknown:
            eager = {*await self._wanting(unknown), *await self._paired(unknown)}
            self._known |= {account: account in eager for account in unknown}
        return {account for account in accounts if self._known[account]}
