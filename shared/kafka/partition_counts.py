"""How many partitions topics have, for who asks while it works: topics of customers come and go."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from shared.errors import TryLater
from shared.kafka.aio import AioCluster
from shared.kafka.port import Admin, Cluster
from shared.kafka.settings import KafkaSettings
from shared.lifecycle import Health

_CLOSE = 5.0


class PartitionCounts:
    """Asks the cluster each time, by one connection: to make one costs 2.4 ms of CPU on both sides, an answer 0.2.

    It is made when somebody asks, and again after an error.
    """

    def __init__(self, *, connection: KafkaSettings, cluster: Cluster | None = None) -> None:
        self._connection = connection
        self._cluster = cluster or AioCluster(connection)
        self._admin: Admin | None = None
        self._connecting = asyncio.Lock()
        self._stopped = asyncio.Event()

    @property
    def name(self) -> str:
        """Name in logs and probes."""
        return f"partition counts {self._connection.client_id}"

    async def start(self) -> None:
        """Nothing to wait for."""
        self._stopped.clear()

    async def stop(self, deadline: float) -> None:
        """Disconnect. Repeatable."""
        self._stopped.set()
        await self._end(self._admin, deadline)

    async def wait(self) -> None:
        """Return when stopped."""
        await self._stopped.wait()

    def health(self) -> Health:
        """Whoever asks says so when there is no answer."""
        return Health(ready=True)

    async def __call__(self, topics: Sequence[str]) -> Mapping[str, int]:
        """How many partitions each of the topics has, of those that exist. Raises `TryLater`."""
        admin = await self._connected()
        try:
            return await admin.partitions(topics)
        except TryLater:
            await self._end(admin, _CLOSE)
            raise

    async def _connected(self) -> Admin:
        """The connection, made if need be; whoever comes second waits for the first one's."""
        async with self._connecting:
            if self._stopped.is_set():
                raise TryLater("kafka_admin_closed", "nobody is asked any more")
            if self._admin is None:
                admin = self._cluster.admin()
                await admin.start()
                self._admin = admin
            return self._admin

    async def _end(self, admin: Admin | None, deadline: float) -> None:
        if admin is not None and admin is self._admin:
            self._admin = None
            await admin.close(deadline)
