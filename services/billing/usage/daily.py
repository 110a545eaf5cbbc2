"""Daily sums for finance: what changed since the last look is summed anew, and told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from services.billing.usage.metrics import UsageMetrics
from services.billing.usage.sums import AT_ONCE, Daily, DailySums
from shared.contracts import topics
from shared.contracts.billing import DailyUsage
from shared.contracts.codec import Writer
from shared.kafka.record import Output
from shared.looking import Looking

SOURCE: Final = "/budstikke/billing/usage"


class Send(Protocol):
    """`shared.kafka.sending.Sender.send`."""

    async def __call__(self, outputs: Sequence[Output]) -> None:
        """Return once all replicas have everything. Raises `TryLater`."""
        ...


class DailyUsages(Looking):
    """Looks every `seconds`, as a component.

    A sum is written with its next version, then told, then marked as told; what a crash left untold is told first. Two
    processes may look at the same time: of two equal versions one is written, and both tell that one.
    """

    def __init__(
        self, sums: DailySums, send: Send, metrics: UsageMetrics | None = None, *, seconds: float = 300.0
    ) -> None:
        """Without `metrics` nothing is counted: they are one set per process, whoever looks."""
        super().__init__("daily usage", self.look, every=seconds, waits="daily_usage_waits")
        self._sums = sums
        self._send = send
        self._metrics = metrics
        self._write = Writer(SOURCE).output

    async def look(self) -> int:
        """Tell what is untold, sum what changed, tell that; returns how many sums changed. Raises `TryLater`."""
        await self._tell()
        changed = await self._sums.refresh()
        await self._tell()
        return changed

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
