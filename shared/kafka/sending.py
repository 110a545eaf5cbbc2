"""Writes records outside a transaction: the door, the relays, and stages that finish their records elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from shared.clock import Clock
from shared.errors import TryLater
from shared.kafka.aio import AioCluster
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.port import MAX_RECORD_BYTES, Cluster, Producer, ProducerLost
from shared.kafka.record import Output
from shared.kafka.settings import KafkaSettings
from shared.lifecycle import Health
from shared.telemetry.logs import get_log

_log = get_log()

_CLOSE = 5.0


class Sender:
    """One idempotent producer, acknowledged by all replicas, shared by any number of tasks.

    Records of one call that go to the same partition are written in their order, in as few prebuilt batches as fit.
    Gather before you send: a call of a hundred records costs little more than a call of one.

    A producer that failed, or did not answer within a call's deadline, is discarded with everything it still holds
    and the next call builds a new one: a dead cluster must not fill the memory with what callers have given up.
    """

    def __init__(
        self, *, connection: KafkaSettings, clock: Clock, metrics: KafkaMetrics, cluster: Cluster | None = None
    ) -> None:
        self._connection = connection
        self._cluster = cluster or AioCluster(connection)
        self._clock = clock
        self._metrics = metrics
        self._sent = metrics.sent.labels(connection.client_id)
        self._seconds = metrics.send_seconds.labels(connection.client_id)
        self._producer: Producer | None = None
        self._building = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()
        self._running = 0
        self._idle = asyncio.Event()
        self._stopped = asyncio.Event()

    @property
    def name(self) -> str:
        """Name in logs and probes."""
        return f"sender {self._connection.client_id}"

    async def start(self) -> None:
        """Connect. Raises TryLater when the cluster does not answer within `start_timeout`."""
        self._stopped.clear()
        await self._ready()

    async def stop(self, deadline: float) -> None:
        """Refuse new sends, wait for running ones for at most `deadline` seconds, disconnect. Repeatable."""
        self._stopped.set()
        try:
            async with asyncio.timeout(deadline):
                while self._running:
                    self._idle.clear()
                    await self._idle.wait()
        except TimeoutError:
            _log.warning("kafka_sends_abandoned", count=self._running)
        if self._producer is not None:
            self._discard(self._producer)
        await asyncio.gather(*self._closing)

    async def wait(self) -> None:
        """Return when stopped."""
        await self._stopped.wait()

    def health(self) -> Health:
        """Ready while it has a producer; without one it builds one at the next call."""
        if self._stopped.is_set():
            return Health(ready=False, reason="stopped")
        return Health(ready=self._producer is not None, reason="" if self._producer else "no producer")

    async def send(self, outputs: Sequence[Output], *, deadline: float = 10.0, limit: int = MAX_RECORD_BYTES) -> None:
        """Return when every record is acknowledged by all replicas.

        Raises Refused (`record_too_large`) before anything is written; TryLater after `deadline` seconds or when the
        producer failed: some, all or none may have been written, and the caller may repeat the whole call.
        """
        if not outputs:
            return
        if self._stopped.is_set():
            raise TryLater("kafka_sender_stopped", "the sender is stopping")
        started = self._clock.monotonic()
        self._running += 1
        try:
            await self._send(outputs, deadline, limit)
        except TryLater as error:
            self._metrics.send_failures.labels(self._connection.client_id, error.code).inc()
            raise
        finally:
            self._running -= 1
            if not self._running:
                self._idle.set()
        self._sent.inc(len(outputs))
        self._seconds.observe(self._clock.monotonic() - started)

    async def _send(self, outputs: Sequence[Output], deadline: float, limit: int) -> None:
        producer = None
        try:
            async with asyncio.timeout(deadline):
                producer = self._producer or await self._ready()
                await producer.send(producer.pack(outputs, limit))
        except TimeoutError:
            if producer is not None:
                self._discard(producer)
            raise TryLater("kafka_send_timeout", f"{len(outputs)} records not acknowledged in {deadline:g} s") from None
        except ProducerLost as error:
            if producer is not None:
                self._discard(producer)
            raise TryLater(error.code, error.detail) from error

    async def _ready(self) -> Producer:
        """The producer, built if need be; whoever comes second waits for the first one's."""
        async with self._building:
            if self._producer is None:
                producer = self._cluster.producer()
                await producer.start()
                self._producer = producer
            return self._producer

    def _discard(self, producer: Producer) -> None:
        """Close it in the background, which fails the calls that still wait on it."""
        if producer is not self._producer:
            return
        self._producer = None
        task = asyncio.create_task(producer.close(_CLOSE))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
