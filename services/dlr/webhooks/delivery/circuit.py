"""Whether a place that did not answer is left alone for a while. Pure but for the time that it is told."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from services.dlr.webhooks.client.outcome import TIMEOUTS, Failure, Outcome

FIRST_REST: Final = 5.0
LONGEST_REST: Final = 300.0
TOLERATED: Final = 3
"""Failures in a row that cost no time (refused, reset, garbage) before it opens; a timeout opens it at once."""


class Stance(StrEnum):
    """How it stands."""

    CLOSED = "closed"
    OPEN = "open"
    """Nothing is sent."""
    PROBING = "probing"
    """The rest is over: one may go and find out."""


class Circuit:
    """Opens on a timeout or on failures in a row, rests 5 s doubling to 300 s, closes with any answer, good or bad."""

    __slots__ = ("_failures", "_rest", "until")

    def __init__(self) -> None:
        self.until: float | None = None
        self._rest = FIRST_REST
        self._failures = 0

    def stance(self, now: float) -> Stance:
        """How it stands now (monotonic seconds)."""
        if self.until is None:
            return Stance.CLOSED
        return Stance.OPEN if now < self.until else Stance.PROBING

    def after(self, outcome: Outcome, now: float) -> bool:
        """Learn from an outcome; whether it opened (anew) by it."""
        if outcome.failure is None:
            self.until, self._rest, self._failures = None, FIRST_REST, 0
            return False
        if outcome.failure is Failure.BUSY:
            return False
        self._failures += 1
        if outcome.failure not in TIMEOUTS and self._failures < TOLERATED and self.until is None:
            return False
        if self.until is not None and now < self.until:
            return False
        self.until = now + self._rest
        self._rest = min(self._rest * 2, LONGEST_REST)
        return True
