"""When Valkey has lost its memory: the counters are put together again before anything is decided.

An epoch is one life of the counters. It is gone with them, and it names the server's run, for a server that starts
again from its disk may have lost the last second. Whoever misses it first takes the last snapshot, adds what was
accepted since (`Replay`), and begins a new epoch; the others wait, however long that takes: the lock is renewed, and
the epoch begins only while it is still ours.

    ingest:screening:restoring          whose turn it is to put them together

The counters then hold every message that was accepted, and may count twice what was accepted in the moment of the
snapshot: an error on the side of asking a person.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final

from services.ingest.screening.counters import KEPT_SECONDS, PREFIX
from services.ingest.screening.snapshots import SnapshotStore, Used
from shared.errors import TryLater
from shared.stores.valkey import ValkeyStore
from shared.tasks import end
from shared.telemetry.logs import get_log

EPOCH_KEY: Final = f"{PREFIX}:epoch"
USED_KEY: Final = f"{PREFIX}:used:"
LOCK_KEY: Final = f"{PREFIX}:restoring"
_LOCK_SECONDS: Final = 30.0
_RENEW: Final = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end"
_GIVE_BACK: Final = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"

_log = get_log()

Replay = Callable[[Mapping[str, int]], Awaitable[Used]]
"""What was accepted from these positions on (a partition that is not named: from its beginning)."""


class SnapshotEpochs:
    """`counters.Epochs` from snapshots."""

    def __init__(
        self, store: ValkeyStore, snapshots: SnapshotStore, replay: Replay, *, lock_seconds: float = _LOCK_SECONDS
    ) -> None:
        """`lock_seconds` is how long the others wait for one that died in the middle."""
        self._store = store
        self._lock_seconds = lock_seconds
        self._snapshots = snapshots
        self._replay = replay

    async def current(self) -> str:
        """The epoch of the server as it runs now, restored if it is another's."""
        with self._store.translated():
            epoch, run = await self._found(), await self._run()
        return epoch if epoch.startswith(f"{run}:") else await self.restore(epoch)

    async def restore(self, gone: str) -> str:
        """As the protocol has it. Raises `TryLater` (`counters_restoring`) while another process does it."""
        if found := await self._another(gone):
            return found
        async with self._locked() as token:
            if found := await self._another(gone):  # whoever had the lock before us was done in between
                return found
            with self._store.translated():
                run = await self._run()
            used = await self._counted()
            epoch = f"{run}:{secrets.token_hex(8)}"
            await self._begin(epoch, used, token)
        _log.warning("counters_restored", months=len(used), accounts=sum(map(len, used.values())))
        return epoch

    async def _begin(self, epoch: str, used: Used, token: str) -> None:
        """All at once, and only while the lock is ours: who lost it knows older counts than the next one."""
        with self._store.translated():
            async with self._store.client.pipeline(transaction=True) as batch:
                await batch.watch(LOCK_KEY)
                if await batch.get(LOCK_KEY) != token.encode():
                    raise TryLater("counters_restoring", "another process restores the counters by now")
                batch.multi()  # type: ignore[no-untyped-call]
                for month, counts in used.items():
                    batch.delete(USED_KEY + month)
                    if counts:
                        batch.hset(USED_KEY + month, mapping=counts)  # type: ignore[arg-type]
                        batch.expire(USED_KEY + month, KEPT_SECONDS)
                batch.set(EPOCH_KEY, epoch, ex=KEPT_SECONDS)
                await batch.execute()

    @asynccontextmanager
    async def _locked(self) -> AsyncIterator[str]:
        """The lock under a token of ours, renewed until we are done. Raises `TryLater` when another has it."""
        client, token, lasts = self._store.client, secrets.token_hex(8), int(self._lock_seconds * 1000)
        with self._store.translated():
            if not await client.set(LOCK_KEY, token, nx=True, px=lasts):
                raise TryLater("counters_restoring", "another process restores the counters")
        renewing = asyncio.create_task(self._renew(token, lasts), name="counters lock")
        try:
            yield token
        finally:
            await end(renewing)
            with self._store.translated():
                await client.eval(_GIVE_BACK, 1, LOCK_KEY, token)

    async def _renew(self, token: str, lasts: int) -> None:
        while True:
            await asyncio.sleep(self._lock_seconds / 3)
            try:
                with self._store.translated():
                    await self._store.client.eval(_RENEW, 1, LOCK_KEY, token, str(lasts))
            except TryLater as error:
                _log.warning("counters_lock_not_renewed", code=error.code)

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

    async def _another(self, gone: str) -> str:
        """The epoch that stands, if it is another than the one that is gone."""
        with self._store.translated():
            found = await self._found()
        return "" if found == gone else found

    async def _found(self) -> str:
        found = await self._store.client.get(EPOCH_KEY)
        return found.decode() if isinstance(found, bytes) else ""

    async def _run(self) -> str:
        """Names the run of the server."""
        info = await self._store.client.info("server")
        return str(info["run_id"])
