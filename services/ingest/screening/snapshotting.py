"""Takes a snapshot of the counters from time to time."""

from __future__ import annotations

from services.ingest.screening.accepted_reader import AcceptedReader
from services.ingest.screening.counters import KEPT_SECONDS
from services.ingest.screening.epochs import EPOCH_KEY, USED_KEY
from services.ingest.screening.snapshots import Snapshot, SnapshotStore
from shared.clock import Clock
from shared.ids import AccountId
from shared.looking import Looking
from shared.stores.valkey import ValkeyStore


class Snapshots(Looking):
    """A component. The order is what makes a snapshot good: positions first, then the counters, which hold at least
    what lies before these positions; and never counters without an epoch, which know nothing.
    """

    def __init__(
        self, store: ValkeyStore, kept: SnapshotStore, reader: AcceptedReader, clock: Clock, *, every: float
    ) -> None:
        """`every` is in seconds."""
        super().__init__("counter snapshots", self.take, every=every, first=every, waits="snapshot_not_taken")
        self._store = store
        self._kept = kept
        self._reader = reader
        self._clock = clock

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
