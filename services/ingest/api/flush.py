"""What goes to the broker in one write."""

from __future__ import annotations

import asyncio
from math import inf

from shared.errors import BudstikkeError
from shared.kafka.record import Output


class Flush:
    """Records of one partition on their way, and the requests that wait for them. `minted` when some of the ids were
    minted for it; derived ones have no other partition.
    """

    def __init__(self, partition: int, opened_at: float) -> None:
        self.partition = partition
        self.opened_at = opened_at
        self.began_at = inf
        self.minted = False
        self.outputs: list[Output] = []
        self._waiters: list[asyncio.Future[None]] = []

    def acknowledged(self) -> asyncio.Future[None]:
        """A future of the caller's own: done when all is acknowledged, or failed with `TryLater`."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        return waiter

    def settle(self, error: BudstikkeError | None) -> None:
        """Tell everybody who still waits."""
        for waiter in self._waiters:
            if waiter.done():
                continue
            if error is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(error)
