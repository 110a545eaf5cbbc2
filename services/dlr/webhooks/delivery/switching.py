"""Keeps the record of endpoints that fail, and switches off those that fail for good. No write for what goes well."""

from __future__ import annotations

import asyncio
from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from services.dlr.webhooks.client.outcome import Outcome
from services.dlr.webhooks.delivery.metrics import WebhookMetrics
from services.dlr.webhooks.delivery.schedule import FAILING, GONE, counts_as_failing
from services.dlr.webhooks.endpoints.endpoint import EndpointId, Off
from services.dlr.webhooks.endpoints.policy import Place
from services.dlr.webhooks.endpoints.store import EndpointStore
from shared.errors import TryLater
from shared.lifecycle import Health
from shared.tasks import end
from shared.telemetry.logs import get_log

_log = get_log()

_EVERY: Final = 0.5
_MOST: Final = 50_000


class Note(StrEnum):
    """What is to be remembered of an endpoint."""

    FAILING = "failing"
    WORKING = "working"
    OFF_GONE = "off_gone"
    OFF_FAILING = "off_failing"


_OFF: Final = {Note.OFF_GONE: Off.GONE, Note.OFF_FAILING: Off.FAILING}


class _Pending(msgspec.Struct, frozen=True):
    note: Note
    version: int
    at: datetime


def note_of(place: Place, outcome: Outcome, now: datetime) -> Note | None:
    """What an outcome says of the endpoint, given what is known of it; None for nothing new. Pure."""
    if place.callback:
        return None
    if outcome.ok:
        return None if place.failing_since is None else Note.WORKING
    if outcome.status == GONE:
        return Note.OFF_GONE
    if not counts_as_failing(outcome):
        return None
    if place.failing_since is None:
        return Note.FAILING
    return Note.OFF_FAILING if now - place.failing_since >= FAILING else None


class Switchboard:
    """Notes go to the database twice a second, the newest of each endpoint; one of switching off stays."""

    def __init__(self, store: EndpointStore, metrics: WebhookMetrics) -> None:
        self.name = "webhook switchboard"
        self._store = store
        self._metrics = metrics
        self._pending: dict[EndpointId, _Pending] = {}
        self._task: asyncio.Task[None] | None = None

    def heard(self, place: Place, outcome: Outcome, now: datetime) -> None:
        """Learn from an attempt."""
        note = note_of(place, outcome, now)
        if note is None or len(self._pending) >= _MOST:
            return
        before = self._pending.get(place.endpoint_id)
        if before is None or (before.note not in _OFF and before.note is not note):
            self._pending[place.endpoint_id] = _Pending(note, place.version, now)

    async def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._run(), name=self.name)

    async def stop(self, deadline: float) -> None:
        """Write what waits, once."""
        if self._task is not None:
            await end(self._task)
            self._task = None
            async with asyncio.timeout(deadline):
                await self.flush()

    async def wait(self) -> None:
        """Raise what ended the writing; it never ends by itself."""
        if self._task is not None:
            await asyncio.shield(self._task)

    def health(self) -> Health:
        """Ready once started."""
        return Health(ready=self._task is not None, reason="" if self._task else "not started")

    async def flush(self) -> None:
        """Write what waits; what cannot be written now waits on, unless newer came."""
        pending, self._pending = self._pending, {}
        for endpoint, one in pending.items():
            try:
                await self._write(endpoint, one)
            except TryLater as error:
                _log.warning("webhook_note_waits", code=error.code)
                self._pending = pending | self._pending
                return

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_EVERY)
            await self.flush()

    async def _write(self, endpoint: EndpointId, one: _Pending) -> None:
        reason = _OFF.get(one.note)
        if reason is not None:
            if await self._store.switch_off(endpoint, one.version, reason, one.at):
                self._metrics.switched_off.labels(reason.value).inc()
                _log.warning("webhook_endpoint_switched_off", endpoint_id=endpoint, reason=reason.value)
        elif one.note is Note.FAILING:
            await self._store.note_failing(endpoint, one.at)
        else:
            await self._store.note_working(endpoint)
