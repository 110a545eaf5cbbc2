"""The shared buckets in memory; `away` makes them unreachable."""

from __future__ import annotations

from services.ingest.limits.bucket import Amount, Level, Rates, Taken, take
from shared.clock import Clock
from shared.errors import TryLater
from shared.ids import AccountId


class MemoryBuckets:
    """As Valkey keeps them; one that nobody took from is full."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.levels: dict[AccountId, Level] = {}
        self.away = False
        self.calls = 0

    async def take(self, account_id: AccountId, rates: Rates, need: Amount, want: Amount, now: float) -> Taken:
        self.calls += 1
        if self.away:
            raise TryLater("valkey_unavailable", "away on purpose")
        at = self._clock.monotonic()
        taken = take(self.levels.get(account_id, Level(rates.burst, at)), rates, at, need, want)
        self.levels[account_id] = taken.level
        return Taken(Level(taken.level.amount, now), taken.granted, taken.wait)
