"""How much each account may send through all doors together, without asking for every request.

A door takes tokens for about 50 ms of an account's rate from the shared buckets and spends them from memory; what it
has not spent after a second is lost. Without Valkey each door has buckets of its own, with its share of the rate.
"""

from __future__ import annotations

import asyncio
import math
from typing import Final, Protocol

import msgspec

from services.ingest.accounts.account import Account, Limits
from services.ingest.limits.bucket import (
    NOTHING,
    Amount,
    Level,
    Rates,
    Resource,
    Taken,
    filled,
    rates_of,
    take,
    wait_for,
)
from services.ingest.limits.metrics import LimitMetrics
from shared.clock import Clock
from shared.errors import TryLater
from shared.ids import AccountId
from shared.telemetry.logs import get_log

LEASE_SECONDS: Final = 0.05
"""How much is taken at a time: that many seconds' worth."""
LEASE_LIFE: Final = 1.0
AWAY_SECONDS: Final = 1.0
"""How long Valkey is left alone after it failed to answer."""

_log = get_log()


class Buckets(Protocol):
    """The shared buckets; `shared.SharedBuckets` is them on Valkey."""

    async def take(self, account_id: AccountId, rates: Rates, need: Amount, want: Amount, now: float) -> Taken:
        """As `bucket.take`. Raises `TryLater` when they cannot be reached."""
        ...


class Standing(msgspec.Struct, frozen=True):
    """What an account has left of the scarcer resource: whole tokens of `limit`; seconds until the bucket is full.

    `retry_after` is None when the request was let in, else the seconds after which it would be.
    """

    resource: Resource
    limit: int
    remaining: int
    reset: int
    retry_after: int | None = None


class _Entry:
    """One account at this door. `level` is what the shared buckets held when last heard of; `local` is set while the
    door keeps buckets of its own, under the rates `share`.
    """

    __slots__ = ("asking", "leased", "level", "limits", "local", "rates", "share", "until")

    def __init__(self, limits: Limits | None, rates: Rates, share: Rates) -> None:
        self.limits = limits
        self.rates = rates
        self.share = share
        self.leased = NOTHING
        self.until = 0.0
        self.level: Level | None = None
        self.local: Level | None = None
        self.asking = asyncio.Lock()

    def spend(self, cost: Amount, now: float) -> bool:
        """Take it from the lease, if it suffices."""
        if now >= self.until:
            self.leased = NOTHING
        messages, parts = self.leased
        if messages < cost.messages or parts < cost.parts:
            return False
        self.leased = Amount(messages - cost.messages, parts - cost.parts)
        return True

    def there(self, now: float) -> Amount:
        """What the buckets hold now, at most, as far as is known here."""
        if self.local is not None:
            return filled(self.local, self.share, now)
        return self.rates.burst if self.level is None else filled(self.level, self.rates, now)


class Limiter:
    """Lets requests in, or says when to come again. Knows at most `size` accounts."""

    def __init__(
        self,
        buckets: Buckets,
        clock: Clock,
        metrics: LimitMetrics,
        *,
        default: Rates,
        processes: int,
        size: int = 10_000,
    ) -> None:
        """`processes` is the number of doors that share the buckets: it counts while Valkey is away."""
        self._buckets = buckets
        self._clock = clock
        self._metrics = metrics
        self._default = default
        self._processes = processes
        self._size = size
        self._entries: dict[AccountId, _Entry] = {}
        self._away_until = 0.0
        self._is_away = False

    async def take(self, account: Account, messages: int, parts: int) -> Standing:
        """Take what a request needs, all or nothing. Never fails, and waits at most for one answer of Valkey."""
        entry = self._entry(account)
        cost = Amount(messages, parts)
        now = self._clock.monotonic()
        if entry.spend(cost, now):
            return _standing(entry, now)
        async with entry.asking:
            now = self._clock.monotonic()
            if entry.spend(cost, now):
                return _standing(entry, now)
            need = Amount(max(0.0, messages - entry.leased.messages), max(0.0, parts - entry.leased.parts))
            wait = self._known_wait(entry, need, now)
            if wait > 0:
                return self._refused(entry, need, wait, now)
            taken = await self._ask(account.account_id, entry, need)
            if taken.granted is None:
                return self._refused(entry, need, taken.wait, now)
            entry.leased = Amount(
                entry.leased.messages + taken.granted.messages - messages,
                entry.leased.parts + taken.granted.parts - parts,
            )
            entry.until = self._clock.monotonic() + LEASE_LIFE
        return _standing(entry, now)

    def _entry(self, account: Account) -> _Entry:
        entry = self._entries.get(account.account_id)
        limits = account.limits
        if entry is None or (entry.limits is not limits and entry.limits != limits):
            if len(self._entries) >= self._size:
                del self._entries[next(iter(self._entries))]
            rates = rates_of(limits, self._default)
            entry = self._entries[account.account_id] = _Entry(limits, rates, rates.shared_by(self._processes))
        return entry

    def _known_wait(self, entry: _Entry, need: Amount, now: float) -> float:
        """Seconds that are certain without asking: others only take. What was heard long ago counts for nothing, for
        the buckets may have been lost.
        """
        if entry.local is not None or entry.level is None or now - entry.level.at >= LEASE_LIFE:
            return 0.0
        return wait_for(entry.there(now), entry.rates, need)

    async def _ask(self, account_id: AccountId, entry: _Entry, need: Amount) -> Taken:
        """Take a lease from the shared buckets, or from our own when those cannot be reached."""
        want = Amount(
            need.messages + entry.rates.per_second.messages * LEASE_SECONDS,
            need.parts + entry.rates.per_second.parts * LEASE_SECONDS,
        )
        now = self._clock.monotonic()
        if now >= self._away_until:
            if self._is_away:
                self._away_until = now + AWAY_SECONDS  # one tries, the others do not wait for it
            try:
                taken = await self._buckets.take(account_id, entry.rates, need, want, now)
            except TryLater as error:
                self._set_away(True, error.code)
            else:
                self._set_away(False)
                self._metrics.shared_leases.inc()
                entry.level, entry.local = taken.level, None
                return taken
        if entry.local is None:
            messages, parts = entry.there(now)
            entry.local = Level(Amount(messages / self._processes, parts / self._processes), now)
        taken = take(entry.local, entry.share, now, need, want)
        entry.level, entry.local = None, taken.level
        self._metrics.local_leases.inc()
        return taken

    def _set_away(self, away: bool, code: str = "") -> None:
        self._away_until = self._clock.monotonic() + AWAY_SECONDS if away else 0.0
        if away is not self._is_away:
            self._is_away = away
            self._metrics.local.set(away)
            _log.warning("limits_are_local" if away else "limits_are_shared", code=code)

    def _refused(self, entry: _Entry, need: Amount, wait: float, now: float) -> Standing:
        there = entry.there(now)
        burst = entry.rates.burst if entry.local is None else entry.share.burst
        short = need.messages > 0 and there.messages < min(need.messages, burst.messages)
        resource = Resource.MESSAGES if short else Resource.PARTS
        self._metrics.refused[resource].inc()
        return msgspec.structs.replace(_report(entry, there, resource), retry_after=max(1, math.ceil(wait)))


def _standing(entry: _Entry, now: float) -> Standing:
    """Of the scarcer resource: what is in the buckets and in our hand, as far as is known here."""
    messages, parts = entry.there(now)
    messages += entry.leased.messages
    parts += entry.leased.parts
    burst = entry.rates.burst
    scarce = parts * burst.messages < messages * burst.parts
    return _report(entry, Amount(messages, parts), Resource.PARTS if scarce else Resource.MESSAGES)


def _report(entry: _Entry, left: Amount, resource: Resource) -> Standing:
    index = 0 if resource is Resource.MESSAGES else 1
    burst, there = entry.rates.burst[index], left[index]
    return Standing(
        resource=resource,
        limit=int(burst),
        remaining=int(there) if 0 < there < burst else int(burst) if there > 0 else 0,
        reset=math.ceil((burst - there) / entry.rates.per_second[index]) if there < burst else 0,
    )
