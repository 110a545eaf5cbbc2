"""The leases this process holds, kept alive by one loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import datetime

from services.dispatch.sender.lease import LIFETIME, RENEWAL, Lease, LeaseStore
from shared.clock import Clock
from shared.errors import TryLater
from shared.kafka.record import TopicPartition
from shared.tasks import end
from shared.telemetry.logs import get_log

_log = get_log()

_MARGIN = 1.0
"""Seconds before its expiry at which a lease counts as lost here."""


class HeldLeases:
    """Takes a lease for each assigned partition, renews all in one round trip, releases on revocation.

    `epoch_of` answers only while a lease is surely valid, so a process that slept too long stops sending by itself.
    """

    def __init__(self, store: LeaseStore, clock: Clock) -> None:
        """`settled_before` and `on_taken` are set by whoever writes intents under these leases."""
        self.settled_before: Callable[[], datetime] = clock.now
        self.on_taken: Callable[[Lease], None] = lambda _: None
        self._store = store
        self._clock = clock
        self._wanted: set[str] = set()
        self._held: dict[str, Lease] = {}
        self._changed = asyncio.Condition()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to take and renew."""
        self._task = asyncio.create_task(self._run(), name="leases")

    async def stop(self) -> None:
        """Release everything and end."""
        if self._task is None:
            return
        await end(self._task)
        self._task = None
        await self._release(list(self._held))

    async def wait(self) -> None:
        """Return or raise when the loop ended by itself."""
        if self._task is not None:
            await asyncio.shield(self._task)

    async def want(self, partitions: Collection[TopicPartition]) -> None:
        """Partitions were assigned: take their leases as soon as they can be had."""
        self._wanted |= {lease_id(partition.topic, partition.partition) for partition in partitions}
        self._wake.set()

    async def give_up(self, partitions: Collection[TopicPartition]) -> None:
        """Partitions were revoked, and nothing of them is in flight any more: let the next member have them."""
        ids = {lease_id(partition.topic, partition.partition) for partition in partitions}
        self._wanted -= ids
        await self._release([key for key in ids if key in self._held])
        async with self._changed:
            self._changed.notify_all()

    def epoch_of(self, key: str) -> int | None:
        """Epoch of a lease that is valid now, else None."""
        lease = self._held.get(key)
        if lease is None or self._clock.monotonic() > lease.valid_until - _MARGIN:
            return None
        return lease.epoch

    def taken_at(self, key: str) -> float | None:
        """Since when this process holds a lease, in monotonic seconds; None if it does not."""
        lease = self._held.get(key)
        return None if lease is None else lease.taken_at

    def wants(self, key: str) -> bool:
        """Whether its partition is assigned to this process."""
        return key in self._wanted

    async def wait_for(self, key: str) -> int | None:
        """Wait until the lease is held and return its epoch, or None when it is given up meanwhile."""
        wanted = False
        async with self._changed:
            while (epoch := self.epoch_of(key)) is None:
                if wanted and key not in self._wanted:
                    return None
                wanted = key in self._wanted
                await self._changed.wait()
            return epoch

    @property
    def missing(self) -> int:
        """How many wanted leases are not held."""
        return sum(1 for key in self._wanted if self.epoch_of(key) is None)

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self._renew()
                await self._take_missing()
            except TryLater as error:
                _log.warning("leases_not_renewed", code=error.code)
            async with self._changed:
                self._changed.notify_all()
            with suppress(TimeoutError):
                async with asyncio.timeout(RENEWAL if self.missing == 0 else RENEWAL / 8):
                    await self._wake.wait()
                    await asyncio.sleep(0)

    async def _renew(self) -> None:
        due = [
            lease
            for lease in self._held.values()
            if lease.valid_until - self._clock.monotonic() <= LIFETIME - RENEWAL * 0.9
        ]
        kept = {lease.id: lease for lease in await self._store.renew(due, self.settled_before())}
        for lease in due:
            renewed = kept.get(lease.id)
            if renewed is None:
                _log.warning("lease_lost", lease=lease.id, epoch=lease.epoch)
                self._held.pop(lease.id, None)
            elif lease.id in self._held:
                self._held[lease.id] = renewed

    async def _take_missing(self) -> None:
        for key in sorted(self._wanted - self._held.keys()):
            lease = await self._store.acquire(key)
            if lease is None:
                continue
            if key in self._wanted:
                self._held[key] = lease
                self.on_taken(lease)
            else:
                await self._store.release([lease])

    async def _release(self, keys: Collection[str]) -> None:
        leases = [self._held.pop(key) for key in keys]
        try:
            await self._store.release(leases)
        except TryLater as error:
            _log.warning("leases_not_released", code=error.code)


def lease_id(topic: str, partition: int) -> str:
    """Id of the lease of a topic partition."""
    return f"{topic}:{partition}"
