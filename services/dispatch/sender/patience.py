"""How a link slows down when its operator asks for it, or fails; and when a part is to blame instead."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from services.dispatch.sender.work import Attempt, Faults
from shared.clock import Clock

_FIRST, _LONGEST = 0.25, 8.0  # seconds
MOST_FAULTS: Final = 5


class Patience:
    """Nothing is written for a while after a status that asks for patience, longer each time it was not long enough.

    A status of a fault ("system error") says that nothing was taken, too, but may be one message's own: the part is
    tried again like any other, and is given up for good once it failed `MOST_FAULTS` times while others were taken in
    between. An operator that fails over everything is waited for; one message that it fails over delays the link by
    a few seconds in all, and not for ever.
    """

    def __init__(self, clock: Clock, busy: Collection[int], faulty: Collection[int]) -> None:
        self._clock = clock
        self._busy = frozenset(busy)
        self._faulty = frozenset(faulty)
        self._pause = 0.0
        self._until = 0.0
        self._taken = 0

    def left(self) -> float:
        """Seconds for which nothing may be written; 0 or less when something may."""
        return self._until - self._clock.monotonic()

    def taken(self) -> None:
        """The operator took a part."""
        self._taken += 1
        if self.left() <= 0:
            self._pause = 0.0

    def refused(self, attempt: Attempt, status: int) -> bool:
        """The operator refused a part: whether to try it again, after the pause that begins now."""
        if status in self._faulty:
            if self._taken > attempt.faults.taken_before:
                attempt.faults = Faults(attempt.faults.times + 1, self._taken)
            if attempt.faults.times > MOST_FAULTS:
                return False
        elif status not in self._busy:
            return False
        now = self._clock.monotonic()
        if now >= self._until:
            self._pause = min(max(self._pause * 2, _FIRST), _LONGEST)
            self._until = now + self._pause
        return True
