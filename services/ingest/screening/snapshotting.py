"""Takes a snapshot of the counters from time to time."""

from __future__ import annotations

import asyncio

from services.ingest.screening.accepted_reader import AcceptedReader
from services.ingest.screening.counters import KEPT_SECONDS
from services.ingest.screening.epochs import EPOCH_KEY, USED_KEY
from services.ingest.screening.snapshots import Snapshot, SnapshotStore
from shared.clock import Clock
from shared.errors import TryLater
from shared.ids import AccountId
from shared.lifecycle import Health
from shared.stores.valkey import ValkeyStore
from shared.tasks import end
from shared.telemetry.logs import get_log

_log = get_log()


class Snapshots:
    """A component. The order is what makes a snapshot good: positions first, then the counters, which hold at least
    what lies before these positions; and never counters without an epoch, which know nothing.
    """

    def __init__(
        self, store: ValkeyStore, kept: SnapshotStore, reader: AcceptedReader, clock: Clock, *, every: float
    ) -> None:
        """`every` is in seconds."""
        self.name = "counter snapshots"
        self._store = store
        self._kept = kept
        self._reader = reader
        self._clock = clock
        self._every = every
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name=self.name)

    async def stop(self, deadline: float) -> None:  # noqa: ARG002 - the next snapshot is as good
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

    async def take(self) -> bool:
        """Take one; False when there was nothing to take. Raises `TryLater`."""
        positions = await self._reader.ends()
        client = self._store.client
        with self._store.translated():
            names = sorted([key.decode() async for key in client.scan_iter(match=f"{USED_KEY}*", count=1000)])
            async with client.pipeline(transaction=True) as batch:
                batch.get(EPOCH_KEY)
                batch.expire(EPOCH_KEY, KEPT_SECONDS)
                for name in names:
                    batch.hgetall(name)
                epoch, _, *counts = await batch.execute()
        if epoch is None:
            return False
        used = {
            name.removeprefix(USED_KEY): {AccountId(account.decode()): int(count) for account, count in one.items()}
            for name, one in zip(names, counts, strict=True)
        }
        await self._kept.keep(Snapshot(self._clock.now(), used, positions))
        return True

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            try:
                await self.take()
            except TryLater as error:
                _log.warning("snapshot_not_taken", code=error.code)
