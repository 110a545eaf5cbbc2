"""Time is passed in: wall time for what people see, monotonic time for deadlines and leases."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Where a component gets its time from."""

    def now(self) -> datetime:
        """Aware UTC wall time."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back; only differences mean anything."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Aware UTC wall time."""
        return datetime.now(UTC)

    monotonic = staticmethod(time.monotonic)


class ManualClock:
    """A clock that tests push; both times move together."""

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._monotonic = 0.0

    def now(self) -> datetime:
        """The time it was pushed to."""
        return self._now

    def monotonic(self) -> float:
        """Seconds pushed since the start."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Push both times forward."""
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds
