"""One partition of a retry topic: what was fetched waits until it is due."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from shared.clock import Clock
from shared.errors import BadRecord
from shared.kafka.health import Pause
from shared.kafka.port import Consumer, Fetched
from shared.kafka.record import Record, TopicPartition
from shared.kafka.share import Bounds, Share

_LOOK = 1.0  # longest wait (seconds) between two looks at the clock: it may be set, and a process may have slept


class DelayedShare(Share):
    """A share whose records may be taken when they are due, in their order: the head holds back all behind it.

    The reader goes on: what waits is bounded as any backlog, and stays uncommitted, so a restart or a rebalance finds
    it again with the time that it carries.
    """

    def __init__(
        self,
        partition: TopicPartition,
        consumer: Consumer,
        arrived: asyncio.Event,
        bounds: Bounds,
        *,
        due_ms: Callable[[Record], int],
        clock: Clock,
    ) -> None:
        """`due_ms` gives epoch milliseconds; a record of which it raises BadRecord is due, to be rejected."""
        super().__init__(partition, consumer, arrived, bounds)
        self._due_ms = due_ms
        self._clock = clock
        self._due = 0
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return min(super().__len__(), self._due)

    @property
    def pause(self) -> Pause | None:
        """Why nothing of it is being handled."""
        return self.trouble or (Pause.WAITING if self._backlog and not self._due else super().pause)

    def add(self, fetched: Fetched) -> None:
        """Take in what a poll brought."""
        super().add(fetched)
        if self._timer is None:
            self._look()

    def take(self, most: int) -> list[Record]:
        """Remove up to `most` records that are due."""
        taken = super().take(most)
        self._due -= len(taken)
        return taken

    def close(self) -> None:
        """It is being revoked."""
        super().close()
        self._stop_looking()

    def _look(self) -> None:
        """Count what is due, and look again when the next one may be."""
        self._timer = None
        now_ms = int(self._clock.now().timestamp() * 1000)
        before = self._due
        while self._due < len(self._backlog):
            wait = (self._when(self._backlog[self._due]) - now_ms) / 1000
            if wait > 0:
                self._timer = asyncio.get_running_loop().call_later(min(wait, _LOOK), self._look)
                break
            self._due += 1
        if self._due > before:
            self.arrived.set()

    def _when(self, record: Record) -> int:
        try:
            return self._due_ms(record)
        except BadRecord:
            return 0

    def _forget(self) -> None:
        super()._forget()
        self._due = 0
        self._stop_looking()

    def _stop_looking(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
