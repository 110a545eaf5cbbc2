"""Counts in, signals out: kept, told, finished, in this order. What a crash left untold is told by the replay."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from services.ingest.signals.store import WindowStore
from services.ingest.signals.windows import Thresholds, Window, add, over, told
from shared.clock import Clock
from shared.contracts import topics
from shared.contracts.abuse import SignalChanged, TrafficCounted
from shared.contracts.codec import Writer
from shared.errors import TryLater
from shared.ids import AccountId
from shared.kafka.at_least_once import Finish
from shared.kafka.record import Output, Received
from shared.lifecycle import Health
from shared.tasks import end
from shared.telemetry.logs import get_log

SOURCE: Final = "/budstikke/ingest/signals"

Send = Callable[[Sequence[Output]], Awaitable[None]]

_log = get_log()


class Signals:
    """Folds counts into windows, idempotent by partition and offset, and tells what they say."""

    def __init__(self, store: WindowStore, send: Send, thresholds: Thresholds, clock: Clock) -> None:
        self._store = store
        self._send = send
        self._thresholds = thresholds
        self._clock = clock
        self._write = Writer(SOURCE).output

    async def __call__(self, batch: Sequence[Received[TrafficCounted]], finish: Finish[TrafficCounted]) -> None:
        """Handle a batch, or raise `TryLater` and finish none of it."""
        before = await self._store.load({received.event.account_id for received in batch})
        windows: dict[AccountId, Window] = dict(before)
        for received in batch:
            record, counted = received.record, received.event
            known = windows.get(counted.account_id)
            windows[counted.account_id] = add(known, counted, record.partition, record.offset, self._thresholds)
        await self._store.keep(list(windows.values()))
        await self.tell([(before.get(account_id), window) for account_id, window in windows.items()])
        for received in batch:
            finish(received)

    async def settle(self) -> None:
        """Take back signals whose time is over. Raises `TryLater`."""
        now = self._clock.now()
        for before in await self._store.on():
            after = over(before, now, self._thresholds)
            if after.on != before.on and await self._store.exchange(before, after):
                await self.tell([(before, after)])

    async def tell(self, windows: Sequence[tuple[Window | None, Window]]) -> None:
        """What windows say, before and after a change."""
        now = self._clock.now()
        changes = [one for before, after in windows for one in told(before, after, now, self._thresholds)]
        if changes:
            await self._send([self._output(change) for change in changes])

    def _output(self, change: SignalChanged) -> Output:
        state = "on" if change.on else "off"
        return self._write(
            topics.SIGNALS,
            0,
            change,
            event_id=f"{change.account_id}:{change.signal}:{change.window_start.isoformat()}:{state}",
            time=change.at,
            subject=f"{change.account_id}|{change.signal}",
        )


class Settling:
    """A component that takes back signals of accounts from which nothing comes any more."""

    def __init__(self, signals: Signals, *, every: float) -> None:
        """`every` is in seconds."""
        self.name = "settling signals"
        self._signals = signals
        self._every = every
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name=self.name)

    async def stop(self, deadline: float) -> None:  # noqa: ARG002 - the next process settles
        """End."""
        if self._task is not None:
            await end(self._task)
            self._task = None

    async def wait(self) -> None:
        """Return or raise when the loop ended by itself."""
        if self._task is not None:
            await asyncio.shield(self._task)

    def health(self) -> Health:
        """Ready while it runs."""
        running = self._task is not None and not self._task.done()
        return Health(ready=running, reason="" if running else "not running")

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            try:
                await self._signals.settle()
            except TryLater as error:
                _log.warning("signals_not_settled", code=error.code)
