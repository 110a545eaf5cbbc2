"""The role `premium`: what became of charges and reversals in, the premium ledger out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from services.billing.premium.ledger import HeardEvent, Ledger
from services.billing.premium.metrics import PremiumMetrics
from services.billing.premium.transaction import Standing
from shared.clock import Clock
from shared.contracts.codec import Reader
from shared.contracts.envelope import event_id
from shared.contracts.premium import OneTimePasswordChanged, PremiumChanged
from shared.kafka.at_least_once import Finish
from shared.kafka.record import Received, Record
from shared.telemetry.logs import get_log

_log = get_log()
_read = Reader(PremiumChanged, OneTimePasswordChanged)


class Heard(msgspec.Struct, frozen=True):
    """A record of `premium.events`; None for what moves no money."""

    told: HeardEvent | None


def hear(record: Record) -> Heard:
    """Decode. Raises `BadRecord`."""
    event = _read(record)
    return Heard(HeardEvent(event_id(record), event) if isinstance(event, PremiumChanged) else None)


class Premium:
    """Books batches. Order of effects: one transaction with everything that a batch leads to, then the offsets.

    Idempotent by transaction and sequence: a batch that comes again books nothing. An event that contradicts what is
    known is a `BadRecord`, and goes to the dead letters for a person.
    """

    def __init__(self, ledger: Ledger, clock: Clock, metrics: PremiumMetrics, booked: Callable[[], None]) -> None:
        """`booked` is told of every batch: a refund may have moved, which is to be told."""
        self._ledger = ledger
        self._booked = booked
        self._clock = clock
        self._metrics = metrics

    async def __call__(self, batch: Sequence[Received[Heard]], finish: Finish[Heard]) -> None:
        """Book a batch. Raises `TryLater`, `BadRecord`."""
        told = [received.event.told for received in batch if received.event.told is not None]
        if told:
            found = await self._ledger.hear(told, self._clock.now())
            self._booked()
            for entry in found.entries:
                self._metrics.entries.labels(entry.kind).inc()
            for one in found.transactions:
                self._metrics.standings.labels(one.standing).inc()
                if one.standing is Standing.DISPUTED:
                    _log.warning("premium_disputed", transaction_id=one.id, account_id=one.account_id)
        for received in batch:
            finish(received)
