"""Daily sums for finance: what changed since the last look is summed anew from the ledger, and told.

daily_usage         _id (usage id), the members of `Daily`
daily_usage_looks   _id "last", at: the ledger was looked through up to then
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

import msgspec
from pymongo import ASCENDING, IndexModel, ReplaceOne, UpdateOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError

from services.billing.database import DUPLICATE_KEY, translated
from services.billing.usage.metrics import UsageMetrics
from services.billing.usage.store import Total, UsageStore
from shared.clock import Clock
from shared.contracts import topics
from shared.contracts.billing import DailyUsage
from shared.contracts.codec import Writer
from shared.errors import TryLater
from shared.kafka.record import Output
from shared.lifecycle import Health
from shared.stores.mongodb import Document, MongoStore
from shared.tasks import end
from shared.telemetry.logs import get_log

_log = get_log()

SOURCE: Final = "/budstikke/billing/usage"

_OVERLAP: Final = timedelta(minutes=2)
"""Rows are stamped before they are written, by several processes, whose clocks differ."""
_BEFORE_ALL: Final = datetime(2000, 1, 1, tzinfo=UTC)
_AT_ONCE: Final = 200
_NATIVE: Final = (datetime,)


class Daily(msgspec.Struct, frozen=True):
    """A sum as it was told last, or is about to be: `told` is false until the broker has it."""

    usage_id: str = msgspec.field(name="_id")
    version: int
    total: Total
    changed_at: datetime
    told: bool = False


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
        self,
        mongo: MongoStore,
        ledger: UsageStore,
        send: Send,
        clock: Clock,
        metrics: UsageMetrics | None = None,
        *,
        seconds: float = 300.0,
    ) -> None:
        """Without `metrics` nothing is counted: they are one set per process, whoever looks."""
        self.name = "daily usage"
        self._mongo = mongo
        self._ledger = ledger
        self._send = send
        self._clock = clock
        self._metrics = metrics
        self._seconds = seconds
        self._write = Writer(SOURCE).output
        self._task: asyncio.Task[None] | None = None

    async def prepare(self) -> None:
        """Make the index of what is not told; a repeat is nothing."""
        index = IndexModel([("told", ASCENDING)], name="untold", partialFilterExpression={"told": False})
        async with translated():
            await self._mongo.database["daily_usage"].create_indexes([index])

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
        now = self._clock.now()
        changed = 0
        for day, accounts in (await self._ledger.days_touched(await self._last_look() - _OVERLAP)).items():
            for index in range(0, len(accounts), _AT_ONCE):
                totals = await self._ledger.totals(accounts[index : index + _AT_ONCE], day, day)
                changed += await self._keep(totals, now)
        await self._tell()
        async with translated():
            await self._looks.replace_one({"_id": "last"}, {"at": now}, upsert=True)
        return changed

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
            except TryLater as error:
                _log.warning("daily_usage_waits", code=error.code)
            await asyncio.sleep(self._seconds)

    async def _last_look(self) -> datetime:
        async with translated():
            row = await self._looks.find_one({"_id": "last"})
        return _BEFORE_ALL if row is None else row["at"]

    async def _keep(self, totals: Sequence[Total], now: datetime) -> int:
        """Write the sums that are not what was written last, each as its next version."""
        found = await self._find({"_id": {"$in": [total.usage_id for total in totals]}})
        before = {daily.usage_id: daily for daily in found}
        changed = [total for total in totals if total.usage_id not in before or before[total.usage_id].total != total]
        if not changed:
            return 0
        writes = []
        for total in changed:
            version = before[total.usage_id].version + 1 if total.usage_id in before else 1
            document = msgspec.to_builtins(Daily(total.usage_id, version, total, now), builtin_types=_NATIVE)
            writes.append(ReplaceOne({"_id": total.usage_id, "version": version - 1}, document, upsert=True))
        async with translated():
            try:
                await self._daily.bulk_write(writes, ordered=False)
            except BulkWriteError as error:
                # A version that another process has written meanwhile is as good as ours.
                if any(fault["code"] != DUPLICATE_KEY for fault in error.details["writeErrors"]):
                    raise
        return len(changed)

    async def _tell(self) -> None:
        while untold := await self._find({"told": False}, limit=_AT_ONCE):
            await self._send([self._output(daily) for daily in untold])
            async with translated():
                await self._daily.bulk_write(
                    [
                        UpdateOne({"_id": daily.usage_id, "version": daily.version}, {"$set": {"told": True}})
                        for daily in untold
                    ],
                    ordered=False,
                )
            if self._metrics is not None:
                self._metrics.days.inc(len(untold))

    async def _find(self, query: Document, limit: int = 0) -> list[Daily]:
        async with translated():
            rows: Iterable[Document] = await self._daily.find(query).sort("_id").limit(limit).to_list(None)
        return [msgspec.convert(row, Daily, builtin_types=_NATIVE) for row in rows]

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

    @property
    def _daily(self) -> AsyncCollection[Document]:
        return self._mongo.database["daily_usage"]

    @property
    def _looks(self) -> AsyncCollection[Document]:
        return self._mongo.database["daily_usage_looks"]
