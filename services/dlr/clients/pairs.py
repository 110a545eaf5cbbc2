"""Which accounts have topics for their own systems: asked of the broker, and remembered for a moment."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from shared.clock import Clock
from shared.contracts.topics import client_events
from shared.ids import AccountId


class Ask(Protocol):
    """Partition counts of the topics that exist, by name. Raises `TryLater`."""

    async def __call__(self, topics: Sequence[str]) -> Mapping[str, int]:
        """Look."""
        ...


class Pairs:
    """Answers from memory for `ttl` seconds, with or without a topic; knows at most `size` accounts."""

    def __init__(self, ask: Ask, clock: Clock, *, ttl: float = 1.0, size: int = 10_000) -> None:
        self._ask = ask
        self._clock = clock
        self._ttl = ttl
        self._size = size
        self._known: dict[AccountId, int] = {}
        self._until = 0.0

    async def prepare(self) -> None:
        """Ask of any account, to know at the start that we may. Raises `TryLater`, `BadSettings` when we may not."""
        await self._ask([client_events(AccountId("any"))])

    async def of(self, accounts: Collection[AccountId]) -> Mapping[AccountId, int]:
        """Those of the accounts that have topics, with the number of partitions for events. Raises `TryLater`."""
        now = self._clock.monotonic()
        if now >= self._until or len(self._known) > self._size:
            self.forget()
            self._until = now + self._ttl
        known = {account: self._known[account] for account in accounts if account in self._known}
        unknown = [account for account in accounts if account not in known]
        if unknown:
            found = await self._ask([client_events(account) for account in unknown])
            fresh = {account: found.get(client_events(account), 0) for account in unknown}
            self._known.update(fresh)
            known.update(fresh)
        return {account: partitions for account, partitions in known.items() if partitions}

    def forget(self) -> None:
        """Something is not as it was: ask again."""
        self._known.clear()
