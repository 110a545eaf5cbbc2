"""The role's handler: charges in, rows of the ledger out."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Final

from services.billing.usage.entry import Charge, most_of
from services.billing.usage.metrics import UsageMetrics
from services.billing.usage.store import UsageStore
from shared.clock import Clock
from shared.ids import MessageId
from shared.kafka.at_least_once import Finish
from shared.kafka.record import Received

REMEMBERED: Final = 100_000
"""Messages whose rows need no look: a message is told of twice within seconds, taken and delivered. About 15 MB."""


class Usage:
    """Records what was taken, once.

    Per batch: the rows of all its messages at once, durable; then the offset. A batch that comes again finds its rows,
    and adds none.
    """

    def __init__(self, store: UsageStore, clock: Clock, metrics: UsageMetrics, *, remembered: int = REMEMBERED) -> None:
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._remembered = remembered
        self._parts: dict[MessageId, int] = {}

    async def __call__(self, batch: Sequence[Received[Charge | None]], finish: Finish[Charge | None]) -> None:
        """Handle a batch and finish all of it, or raise `TryLater` and finish none."""
        charges = [received.event for received in batch if received.event is not None]
        known = self._parts
        new = [charge for charge in most_of(charges).values() if charge.parts > known.get(charge.message_id, 0)]
        added = await self._store.record(new, self._clock.now()) if new else 0
        for charge in new:
            known[charge.message_id] = charge.parts
        for message_id in list(islice(known, max(len(known) - self._remembered, 0))):
            del known[message_id]
        self._metrics.entries.inc(added)
        self._metrics.repeats.inc(len(charges) - added if len(charges) > added else 0)
        for received in batch:
            finish(received)
