"""When Valkey has lost its memory: the counters are put together again before anything is decided.

An epoch is one life of the counters. It is gone with them, and it names the server's run, for a server that starts
again from its disk may have lost the last second. Whoever misses it first takes the last snapshot, adds what was
accepted since (`Replay`), and begins a new epoch; the others wait.

The counters then hold every message that was accepted, and may count twice what was accepted in the moment of the
snapshot: an error on the side of asking a person.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from services.ingest.screening.counters import KEPT_SECONDS, PREFIX
from services.ingest.screening.snapshots import SnapshotStore, Used
from shared.errors import TryLater
from shared.stores.valkey import ValkeyStore
from shared.telemetry.logs import get_log

EPOCH_KEY: Final = f"{PREFIX}:epoch"
USED_KEY: Final = f"{PREFIX}:used:"
_LOCK_KEY: Final = f"{PREFIX}:restoring"
_LOCK_SECONDS: Final = 30

_log = get_log()

Replay = Callable[[Mapping[str, int]], Awaitable[Used]]
"""What was accepted from these positions on (a partition that is not named: from its beginning)."""


class SnapshotEpochs:
    """`counters.Epochs` from snapshots."""

    def __init__(self, store: ValkeyStore, snapshots: SnapshotStore, replay: Replay) -> None:
        self._store = store
        self._snapshots = snapshots
        self._replay = replay

    async def current(self) -> str:
        """The epoch of the server as it runs now, restored if it is another's."""
        with self._store.translated():
            epoch, run = await self._found(), await self._run()
        return epoch if epoch.startswith(f"{run}:") else await self.restore(epoch)

    async def restore(self, gone: str) -> str:
        """As the protocol has it. Raises `TryLater` (`counters_restoring`) while another process does it."""
        client = self._store.client
        with self._store.translated():
            found, run = await self._found(), await self._run()
            if found not in ("", gone):
                return found
            if not await client.set(_LOCK_KEY, "1", nx=True, ex=_LOCK_SECONDS):
                raise TryLater("counters_restoring", "another process restores the counters")
        try:
            used = await self._counted()
            epoch = f"{run}:{secrets.token_hex(8)}"
            with self._store.translated():
                async with client.pipeline(transaction=True) as batch:
                    for month, counts in used.items():
                        batch.delete(USED_KEY + month)
                        if counts:
                            batch.hset(USED_KEY + month, mapping=counts)  # type: ignore[arg-type]
                            batch.expire(USED_KEY + month, KEPT_SECONDS)
                    batch.set(EPOCH_KEY, epoch, ex=KEPT_SECONDS)
                    await batch.execute()
        finally:
            with self._store.translated():
                await client.delete(_LOCK_KEY)
        _log.warning("counters_restored", months=len(used), accounts=sum(map(len, used.values())))
        return epoch

    async def _counted(self) -> Used:
        """Snapshot and what came behind it."""
        snapshot = await self._snapshots.last()
        used: Used = {} if snapshot is None else {month: dict(counts) for month, counts in snapshot.used.items()}
        since = await self._replay({} if snapshot is None else snapshot.positions)
        for month, counts in since.items():
            before = used.setdefault(month, {})
            for account_id, count in counts.items():
                before[account_id] = before.get(account_id, 0) + count
        return used

    async def _found(self) -> str:
        found = await self._store.client.get(EPOCH_KEY)
        return found.decode() if isinstance(found, bytes) else ""

    async def _run(self) -> str:
        """Names the run of the server."""
        info = await self._store.client.info("server")
        return str(info["run_id"])
