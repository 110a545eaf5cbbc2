"""Things to do later: one heap and one timer for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Generic, TypeVar

from shared.clock import Clock

Item = TypeVar("Item")

_GRID = 0.005
"""Seconds; what falls due within one step of the grid shares one turn of the loop."""


class Timetable(Generic[Item]):
    """Hands each item to `action` when it is due, up to one grid step late, in the order of due times."""

    def __init__(self, clock: Clock, action: Callable[[Item], None]) -> None:
        self._clock = clock
        self._action = action
        self._heap: list[tuple[float, int, Item]] = []
        self._added = 0
        self._timer: asyncio.TimerHandle | None = None
        self._next = 0.0

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, after: float, item: Item) -> None:
        """Hand over the item in `after` seconds."""
        due = self._clock.monotonic() + after
        self._added += 1
        heappush(self._heap, (due, self._added, item))
        if self._timer is None or due < self._next:
            self._plan(due, after)

    def clear(self) -> None:
        """Forget everything that was to come."""
        self._heap.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _plan(self, due: float, after: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._next = due
        self._timer = asyncio.get_running_loop().call_later(max(after, _GRID), self._run)

    def _run(self) -> None:
        self._timer = None
        now = self._clock.monotonic()
        while self._heap and self._heap[0][0] <= now:
            self._action(heappop(self._heap)[2])
        if self._heap and self._timer is None:
            self._plan(self._heap[0][0], self._heap[0][0] - now)
