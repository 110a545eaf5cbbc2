"""Sees how long people let holds wait."""

from __future__ import annotations

from typing import Final

from services.ingest.desk.metrics import DeskMetrics
from services.ingest.desk.store import DeskStore
from shared.clock import Clock
from shared.looking import Looking

EVERY: Final = 60.0


class HoldWatch(Looking):
    """A component: one query a minute, by index."""

    def __init__(self, store: DeskStore, clock: Clock, metrics: DeskMetrics) -> None:
        super().__init__("watch of holds", self.look, every=EVERY, waits="holds_not_seen")
        self._store = store
        self._clock = clock
        self._metrics = metrics

    async def look(self) -> None:
        """Look now. Raises `TryLater` without a database."""
        opened_at = await self._store.oldest_open()
        age = 0.0 if opened_at is None else (self._clock.now() - opened_at).total_seconds()
        self._metrics.oldest_hold.set(max(age, 0.0))
