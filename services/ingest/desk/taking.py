"""Takes held and delayed messages over from their topics: kept first, then finished. A repeat keeps nothing twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import msgspec

from services.ingest.desk.rows import Held, Hold, HoldState
from services.ingest.desk.store import DeskStore
from shared.contracts.codec import Reader
from shared.contracts.events import Event
from shared.contracts.holds import HoldDecided, HoldId, MessageDelayed, MessageHeld
from shared.kafka.at_least_once import Finish
from shared.kafka.record import Received

Waits: TypeAlias = MessageHeld | MessageDelayed

read_waiting: Final = Reader(MessageHeld, MessageDelayed, HoldDecided)

_encode: Final = msgspec.json.Encoder().encode


class TakeOver:
    """Idempotent by message and reason (`Held.why`). What people decided is the desk's own news, and passed over."""

    def __init__(self, store: DeskStore, taken: Callable[[], None]) -> None:
        """`taken` is told of every batch of which something waits."""
        self._store = store
        self._taken = taken

    async def __call__(self, batch: Sequence[Received[Event]], finish: Finish[Event]) -> None:
        """Keep a batch. Raises `TryLater`: then nothing of it is finished."""
        holds: dict[HoldId, Hold] = {}
        held: list[Held] = []
        for received in batch:
            event = received.event
            if isinstance(event, MessageHeld):
                holds.setdefault(event.hold_id, _hold(event))
                held.append(_held(event))
            elif isinstance(event, MessageDelayed):
                held.append(_delayed(event))
        await self._store.keep(list(holds.values()), held)
        if held:
            self._taken()
        for received in batch:
            finish(received)


def _hold(event: MessageHeld) -> Hold:
    return Hold(
        hold_id=event.hold_id,
        account_id=event.request.account_id,
        findings=event.findings,
        opened_at=event.held_at,
        state=HoldState.OPEN,
        version=0,
        settled=False,
    )


def _held(event: MessageHeld) -> Held:
    request = event.request
    return Held(
        message_id=request.message_id,
        account_id=request.account_id,
        why=event.hold_id,
        hold_id=event.hold_id,
        lane=request.lane,
        pseudonym=event.pseudonym,
        request=_encode(request),
        requested_at=request.requested_at,
        since=event.held_at,
        expires_at=event.expires_at,
    )


def _delayed(event: MessageDelayed) -> Held:
    """Named by both times. Screening may delay a message to the same time once more, when its clock is behind ours and
    it asks too early: that is another wait, which has to end as well.
    """
    request = event.request
    return Held(
        message_id=request.message_id,
        account_id=request.account_id,
        why=f"due:{event.due_at.isoformat()}:{event.delayed_at.isoformat()}",
        hold_id=None,
        lane=request.lane,
        pseudonym=event.pseudonym,
        request=_encode(request),
        requested_at=request.requested_at,
        since=event.delayed_at,
        expires_at=request.valid_until,
        due_at=event.due_at,
    )
