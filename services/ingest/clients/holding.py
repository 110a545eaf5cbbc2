"""The shares that this process holds, kept alive and kept fair by one loop."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Final

import msgspec

from services.ingest.clients.leases import LIFETIME, ShareLeases
from services.ingest.clients.metrics import ClientMetrics
from services.ingest.clients.sharing import hungry, plan
from shared.clock import Clock
from shared.errors import TryLater
from shared.lifecycle import Health
from shared.tasks import end
from shared.telemetry.logs import get_log

_RENEWAL: Final = 2.0
_HUNGRY: Final = 0.25
_MARGIN: Final = 1.0
"""Seconds before its expiry at which a lease counts as over here: what was begun must be done by then."""

_log = get_log()


class _Held(msgspec.Struct, frozen=True):
    epoch: int
    until: float


class HeldShares:
    """A component. Whoever dies is succeeded within `LIFETIME` and a few seconds; whoever slept for longer than that
    finds that its terms are over before it does anything else (`holds`).
    """

    def __init__(self, leases: ShareLeases, clock: Clock, metrics: ClientMetrics) -> None:
        self.name = "client shares"
        self._leases = leases
        self._clock = clock
        self._held: dict[int, _Held] = {}
        self._leaving: set[int] = set()
        self._readers = 1
        self._changing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        metrics.shares.set_function(lambda: len(self._held))

    async def start(self) -> None:
        """Take what is free, and go on in the background. Raises `TryLater` without a database."""
        await self.look()
        self._task = asyncio.create_task(self._run(), name=self.name)

    async def stop(self, deadline: float) -> None:
        """Give everything back: whoever reads has stopped."""
        if self._task is None:
            return
        await end(self._task)
        self._task = None
        self._held.clear()
        self._leaving.clear()
        try:
            async with asyncio.timeout(deadline):
                await self._leases.leave()
        except (TryLater, TimeoutError) as error:
            _log.warning("client_shares_not_released", error=type(error).__name__)

    async def wait(self) -> None:
        """Return or raise when the loop ended by itself."""
        if self._task is not None:
            await asyncio.shield(self._task)

    def health(self) -> Health:
        """Ready while it runs, with or without shares."""
        running = self._task is not None and not self._task.done()
        return Health(ready=running, reason="" if running else "not running")

    def epoch_of(self, share: int) -> int | None:
        """The epoch of a share that is to be read here; None when it is another's, or about to be."""
        held = self._held.get(share)
        return None if held is None or share in self._leaving else held.epoch

    def holds(self, share: int, epoch: int) -> bool:
        """Whether nobody else can have the share now, nor within the next second."""
        held = self._held.get(share)
        return held is not None and held.epoch == epoch and self._clock.monotonic() < held.until - _MARGIN

    async def let_go(self, kept: Collection[int]) -> None:
        """Give back what is about to leave, but for these, of which something is in hand. Raises `TryLater`."""
        async with self._changing:
            gone = self._leaving - set(kept)
            await self._leases.release({share: self._held[share].epoch for share in gone})
            for share in gone:
                del self._held[share]
            self._leaving -= gone

    async def look(self) -> None:
        """Renew, learn what is ours and who else reads, take and give. Raises `TryLater`."""
        async with self._changing:
            asked_at = self._clock.monotonic()
            await self._leases.renew()
            shares, ours, self._readers = await self._leases.look()
            if lost := sorted(self._held.keys() - ours.keys()):
                _log.warning("client_shares_lost", shares=lost)
            self._held = {share: _Held(epoch, asked_at + LIFETIME) for share, epoch in ours.items()}
            self._leaving &= self._held.keys()
            planned = plan([share for share in self._held if share not in self._leaving], shares, self._readers)
            self._leaving.update(planned.give)
            if planned.take:
                asked_at = self._clock.monotonic()
                for share, epoch in (await self._leases.take(planned.take)).items():
                    if share not in self._held:
                        self._held[share] = _Held(epoch, asked_at + LIFETIME)

    async def _run(self) -> None:
        while True:
            staying = len(self._held) - len(self._leaving)
            await asyncio.sleep(_HUNGRY if hungry(staying, self._readers) else _RENEWAL)
            try:
                await self.look()
            except TryLater as error:
                _log.warning("client_shares_unsure", code=error.code)
