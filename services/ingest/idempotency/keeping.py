"""Answers on their way to their rows: many in one round trip, and no caller waits for it.

An answer that never arrives makes a repeat produce again, under the same ids. Until it has arrived, this process gives
it to repeats that come here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from itertools import islice
from typing import Final

from services.ingest.idempotency.key import RowId
from services.ingest.idempotency.metrics import IdempotencyMetrics
from services.ingest.idempotency.store import Answered, Row
from shared.errors import TryLater
from shared.lifecycle import Health
from shared.privacy.sealing import Sealed
from shared.tasks import end
from shared.telemetry.logs import get_log

PAUSE: Final = 0.05
_MOST: Final = 500
_MOST_WAITING: Final = 10_000

_log = get_log()


class Keeping:
    """A component that keeps answers within about `PAUSE` seconds; those beyond 10,000 that wait are lost at once."""

    name = "idempotency answers"

    def __init__(self, keep: Callable[[Sequence[Answered]], Awaitable[None]], metrics: IdempotencyMetrics) -> None:
        self._keep = keep
        self._metrics = metrics
        self._waiting: dict[RowId, Answered] = {}
        self._kept: dict[RowId, Answered] = {}
        self._task: asyncio.Task[None] | None = None

    def __call__(self, answered: Answered) -> None:
        """Keep it soon."""
        if len(self._waiting) >= _MOST_WAITING:
            self._metrics.answers_lost.inc()
            return
        self._waiting[answered.row_id] = answered
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    def answer_of(self, row: Row) -> Sealed | None:
        """What the row's caller was told, whether the row knew it when it was read or not: the last answers that were
        kept are looked at too.
        """
        told = self._waiting.get(row.row_id) or self._kept.get(row.row_id)
        return told.answer if row.answer is None and told is not None and told.at == row.at else row.answer

    async def start(self) -> None:
        """Nothing to do: it begins with the first answer."""

    async def stop(self, deadline: float) -> None:
        """Keep what waits, within `deadline` seconds."""
        if self._task is not None:
            await end(self._task)
        with suppress(TimeoutError):
            async with asyncio.timeout(deadline):
                while self._waiting:
                    await self._keep_some()

    async def wait(self) -> None:
        """Never ends by itself."""
        await asyncio.Event().wait()

    def health(self) -> Health:
        """Always ready: nobody waits for it."""
        return Health(ready=True)

    async def _run(self) -> None:
        """Until nothing waits."""
        try:
            while self._waiting:
                await asyncio.sleep(PAUSE)
                await self._keep_some()
        finally:
            self._task = None

    async def _keep_some(self) -> None:
        """One round trip. What is being kept still waits: a repeat may come meanwhile."""
        batch, kept = list(islice(self._waiting.values(), _MOST)), True
        try:
            await self._keep(batch)
        except TryLater as error:
            kept = False
            self._metrics.answers_lost.inc(len(batch))
            _log.warning("idempotency_answers_lost", count=len(batch), code=error.code, detail=error.detail)
        for one in batch:
            if self._waiting[one.row_id] is one:
                del self._waiting[one.row_id]
        self._kept = {one.row_id: one for one in batch} if kept else {}
