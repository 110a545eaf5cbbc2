"""Daily sums for finance: what changed since the last look is summed anew, and told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol

from services.billing.usage.metrics import UsageMetrics
from services.billing.usage.sums import AT_ONCE, Daily, DailySums
from shared.contracts import topics
from shared.contracts.billing import DailyUsage
from shared.contracts.codec import Writer
from shared.errors import TryLater
from shared.kafka.record import Output
from shared.lifecycle import Health
from shared.tasks import end
from shared.telemetry.logs import get_log

_log = get_log()

SOURCE: Final = "/budstikke/billing/usage"


class Send(Protocol):
    """`shared.kafka.sending.Sender.send`."""

    async def __call__(self, outputs: Sequence[Output]) -> None:
        """Return once all replicas have everything. Raises `TryLater`."""
        ...


class DailyUsages:
    """Looks every `seconds`, as a component.

    A sum is written with its next version, then told, then marked as told; what a crash left untold is told first. Two
    processes may look at the same time: of two equal versions one is written, and both tell that one.
    """

    def __init__(
        self, sums: DailySums, send: Send, metrics: UsageMetrics | None = None, *, seconds: float = 300.0
    ) -> None:
        """Without `metrics` nothing is counted: they are one set per process, whoever looks."""
        self.name = "daily usage"
        self._sums = sums
        self._send = send
        self._metrics = metrics
        self._seconds = seconds
        self._write = Writer(SOURCE).output
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._run(), name=self.name)

    async def stop(self, deadline: float) -> None:  # noqa: ARG002 - what is cut off is told after the next start
        """End."""
        if self._task is not None:
            await end(self._task)
            self._task = None

    async def wait(self) -> None:
        """Raise what ended it."""
        if self._task is not None:
            await asyncio.shield(self._task)

    def health(self) -> Health:
        """Ready while it runs."""
        running = self._task is not None and not self._task.done()
        return Health(ready=running, live=running or self._task is None, reason="" if running else "not running")

    async def look(self) -> int:
        """Tell what is untold, sum what changed, tell that; returns how many sums changed. Raises `TryLater`."""
        await self._tell()
        changed = await self._sums.refresh()
        await self._tell()
        return changed

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
            except TryLater as error:
                _log.warning("daily_usage_waits", code=error.code)
            await asyncio.sleep(self._seconds)

    async def _tell(self) -> None:
        while untold := await self._sums.untold(AT_ONCE):
            await self._send([self._output(daily) for daily in untold])
            await self._sums.mark_told(untold)
            if self._metrics is not None:
                self._metrics.days.inc(len(untold))

    def _output(self, daily: Daily) -> Output:
        total = daily.total
        event = DailyUsage(
            usage_id=daily.usage_id,
            version=daily.version,
            account_id=total.account_id,
            day=total.day,
            operator=total.operator,
            country=total.country,
            category=total.category,
            messages=total.messages,
            parts=total.parts,
        )
        return self._write(
            topics.USAGE,
            0,
            event,
            event_id=f"{daily.usage_id}:{daily.version}",
            time=daily.changed_at,
            subject=daily.usage_id,
        )
