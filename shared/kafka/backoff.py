"""How long to wait before trying again."""

from __future__ import annotations

from random import Random


class Backoff:
    """Doubling waits between `first` and `longest` seconds, each shortened by up to half at random."""

    def __init__(self, random: Random, *, first: float = 0.05, longest: float = 5.0) -> None:
        self._random = random
        self._first = first
        self._longest = longest
        self._next = first

    def pause(self) -> float:
        """Seconds to wait now."""
        pause, self._next = self._next, min(self._next * 2, self._longest)
        return pause * self._random.uniform(0.5, 1.0)

    def reset(self) -> None:
        """It worked."""
        self._next = self._first
