"""How many messages came in the current second."""

from __future__ import annotations

from shared.clock import Clock


class Pace:
    """Counts in seconds of the monotonic clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._second = 0
        self._count = 0

    def next(self) -> int:
        """The number of one more message within its second, from 1."""
        second = int(self._clock.monotonic())
        if second != self._second:
            self._second, self._count = second, 0
        self._count += 1
        return self._count
