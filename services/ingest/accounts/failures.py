"""Failed log-ins, counted per address: a bucket of chances that fills again slowly."""

from __future__ import annotations

from typing import Final

from services.ingest.accounts.addresses import network
from shared.clock import Clock

CHANCES: Final = 30
REFILL: Final = 0.5
"""Chances a second."""


class Failures:
    """Remembers at most `size` addresses; an IPv6 address counts as its /64. Nothing is counted without an address."""

    def __init__(self, clock: Clock, *, chances: int = CHANCES, refill: float = REFILL, size: int = 10_000) -> None:
        self._clock = clock
        self._chances = chances
        self._refill = refill
        self._size = size
        self._left: dict[str, tuple[float, float]] = {}

    def add(self, address: str | None) -> None:
        """One more failure from there."""
        if address is None:
            return
        caller = network(address)
        left = self._now(caller)
        self._left.pop(caller, None)
        if len(self._left) >= self._size:
            del self._left[next(iter(self._left))]
        self._left[caller] = (max(0.0, left - 1), self._clock.monotonic())

    def too_many(self, address: str | None) -> bool:
        """Whether that address has no chance left for now."""
        return bool(self._left) and address is not None and self._now(network(address)) < 1

    def _now(self, caller: str) -> float:
        left, since = self._left.get(caller, (float(self._chances), 0.0))
        return min(float(self._chances), left + (self._clock.monotonic() - since) * self._refill)
