"""What everything that reads has in common: a consumer that is polled, a watch over it, and the first error."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import TypeAlias

from shared.clock import Clock
from shared.errors import Fatal, TryLater
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.port import Cluster, Consumer, Fetched
from shared.kafka.record import TopicPartition
from shared.kafka.settings import KafkaSettings
from shared.kafka.watchdog import Position, Watchdog
from shared.kafka.workers import Workers, describe
from shared.telemetry.logs import get_log

_log = get_log()

POLL = 1.0
"""Seconds for which a poll waits for records. News end it at once."""

_PAUSE = 0.2
_ASLEEP = 5.0  # between two polls that fail: nobody polled meanwhile

Fetch: TypeAlias = Callable[[], Awaitable[Mapping[TopicPartition, Fetched]]]
Take: TypeAlias = Callable[[TopicPartition, Fetched], None]


class Reader:
    """The life of a component that reads. To be inherited; its tasks run in `_workers`.

    The first error of a task, or what `fail` is told, ends it: `wait` raises it, nothing more is polled. It is still to
    be stopped. So do polls that fail for `stall_after` seconds, and a position that does not move for as long with
    records to read.
    """

    def __init__(
        self,
        name: str,
        *,
        connection: KafkaSettings,
        cluster: Cluster,
        clock: Clock,
        metrics: KafkaMetrics,
        stall_after: float,
    ) -> None:
        self._name = name
        self._connection = connection
        self._cluster = cluster
        self._clock = clock
        self._metrics = metrics
        self._stall_after = stall_after
        self._workers = Workers(self.fail)
        self._connected: Consumer | None = None
        self._polled_at = clock.monotonic()
        self._ended = asyncio.Event()
        self._error: Exception | None = None

    @property
    def name(self) -> str:
        """Name in logs, probes and metrics: the group, where there is one."""
        return self._name

    @property
    def consumer(self) -> Consumer:
        """The consumer, once started."""
        if self._connected is None:
            raise TryLater("kafka_not_started", f"{self._name} is not started")
        return self._connected

    async def wait(self) -> None:
        """Return when stopped; raise the error that ended the component."""
        await self._ended.wait()
        if self._error is not None:
            raise self._error

    def fail(self, error: Exception) -> None:
        """End: `wait` raises the first error."""
        if self._error is None:
            self._error = error
            _log.error("kafka_reader_failed", reader=self._name, error=describe(error), exc_info=error)
            self._ended.set()

    def _begin(self, consumer: Consumer) -> None:
        """This consumer is ours from now on."""
        self._connected = consumer
        self._polled_at = self._clock.monotonic()
        self._error = None
        self._ended.clear()

    def _read(
        self,
        fetch: Fetch,
        take: Take,
        *,
        canary: TopicPartition,
        positions: Callable[[], Collection[Position] | None],
        join_within: float | None = None,
    ) -> None:
        """Poll and watch, in the background. `positions` and `join_within` as `Watchdog` has them."""
        watchdog = Watchdog(
            self.consumer,
            self._name,
            canary=canary,
            stall_after=self._stall_after,
            join_within=join_within or self._stall_after,
            clock=self._clock,
            metrics=self._metrics,
        )
        self._workers.start(self._poll(fetch, take))
        self._workers.start(watchdog.run(positions))

    async def _poll(self, fetch: Fetch, take: Take) -> None:
        since: float | None = None  # polls fail, one after the other
        last = 0.0
        while self._error is None:
            try:
                fetched = await fetch()
            except TryLater as error:
                now = self._clock.monotonic()
                if since is None or now - last > _ASLEEP:
                    since = now
                last = now
                if now - since > self._stall_after:
                    raise Fatal("kafka_unreadable", error.detail) from error
                _log.warning("kafka_poll_failed", reader=self._name, detail=error.detail)
                await asyncio.sleep(_PAUSE)
                continue
            since = None
            self._polled_at = self._clock.monotonic()
            for partition, news in fetched.items():
                take(partition, news)
            await asyncio.sleep(0)  # a poll that finds records does not yield by itself

    async def _end(self, timeout: float) -> None:
        """Poll no more and disconnect, within `timeout` seconds. Repeatable."""
        await self._workers.finish(0.0)
        if self._connected is not None:
            await self._connected.close(timeout)
            self._connected = None
        self._ended.set()
