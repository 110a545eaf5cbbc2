"""Tells what happened to transactions on `premium.events`: at least once, always under the same id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from services.dispatch.strex.row import Row
from services.dispatch.strex.store import PremiumStore
from shared.contracts.codec import Writer
from shared.contracts.premium import OneTimePasswordChanged, PremiumChanged, PremiumKind
from shared.contracts.topics import PREMIUM_EVENTS
from shared.errors import TryLater
from shared.ids import partition_of
from shared.kafka.record import Output
from shared.telemetry.logs import get_log

SOURCE: Final = "/budstikke/dispatch/strex"

_log = get_log()


class Send(Protocol):
    """`shared.kafka.sending.Sender.send`."""

    async def __call__(self, outputs: Sequence[Output]) -> None:
        """Return once all replicas have everything. Raises `TryLater`."""
        ...


class Teller:
    """Order of effects: event, then the note in the row that it was told."""

    def __init__(self, store: PremiumStore, send: Send, partitions: int) -> None:
        self._store = store
        self._send = send
        self._partitions = partitions
        self._writer = Writer(SOURCE)

    async def tell(self, rows: Sequence[Row]) -> None:
        """Tell of rows as they are. What cannot be told now is found in the database and told later."""
        try:
            await self._send([self._output(row) for row in rows])
            await self._store.told(rows)
        except TryLater as error:
            _log.warning("premium_telling_waits", code=error.code, count=len(rows))

    def _output(self, row: Row) -> Output:
        event = row.event
        return self._writer.output(
            PREMIUM_EVENTS,
            partition_of(event.transaction_id, self._partitions),
            to_tell(row),
            event_id=event_id(row),
            time=event.at,
            subject=event.transaction_id,
        )


def to_tell(row: Row) -> PremiumChanged | OneTimePasswordChanged:
    """The event that the row stands for."""
    event = row.event
    if event.kind is not PremiumKind.ONE_TIME_PASSWORD:
        return event
    return OneTimePasswordChanged(
        transaction_id=event.transaction_id,
        account_id=event.account_id,
        status=event.status,
        sequence=event.sequence,
        at=event.at,
        detail=event.detail,
        reference=event.reference,
    )


def event_id(row: Row) -> str:
    """Of the event that the row stands for."""
    return f"{row.id}:{row.event.sequence}"
