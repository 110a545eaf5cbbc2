"""The Faust application: it reads counts, keeps the table of windows, and lives as a component of our process.

Faust gives the group, the table with its changelog and the recovery of it. It creates no topics, serves no HTTP, sets
up no logs and writes no signals: those go out by our own sender, which knows when they are acknowledged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Final, cast

import faust
from faust.tables.manager import TableManager
from faust.types import TP, EventT

from services.ingest.signals.seeking import mend
from services.ingest.signals.signals import Rows, Signals
from shared.contracts import topics
from shared.errors import BadSettings, Fatal, TryLater
from shared.kafka.aio import AioCluster
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.port import Consumer, Mark
from shared.kafka.preflight import check_topics
from shared.kafka.record import Record, TopicPartition
from shared.kafka.settings import KafkaSettings
from shared.lifecycle import Health
from shared.tasks import end
from shared.telemetry.logs import get_log

TABLE: Final = "windows"
_COMMIT_EVERY = 1.0
_CLOSE = 5.0
PATIENCE: Final = 60.0
"""Seconds for which the reading of a table may stand still while the cluster answers. Faust's may, for ever."""
_LOOKS = 6  # within that time

_log = get_log()


class TableApp(faust.App):
    """An application whose tables are in memory: no folder is made for them."""

    async def on_first_start(self) -> None:
        """Nothing."""


class CountsApp:
    """The component: `make` is given the table and says what is done with counts."""

    def __init__(
        self,
        group: str,
        connection: KafkaSettings,
        metrics: KafkaMetrics,
        make: Callable[[Rows], Signals],
        *,
        settle_every: float,
    ) -> None:
        """`group` is the consumer group and what the changelog's name begins with; `settle_every` is in seconds."""
        mend()
        self.name = group
        self._connection = connection
        self._assigned = metrics.assigned.labels(group)
        self._app = _application(group, connection)
        table = self._app.Table(TABLE, key_type=bytes, value_type=bytes)
        self._signals = make(table)
        counts = self._app.topic(topics.COUNTS, key_serializer="raw", value_serializer="raw")
        self._app.agent(counts, name=f"{group}.count", concurrency=1)(self._count)
        self._app.timer(settle_every)(self._settle)
        self._starting: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._failed: asyncio.Future[None] | None = None

    async def start(self) -> None:
        """Check the topics and join the group in the background; `health().ready` says when the table is whole.

        Raises TryLater when the cluster cannot be reached, BadSettings naming what is wrong with the topics.
        """
        found = await self._topics()
        if found[topics.SIGNAL_WINDOWS] != found[topics.COUNTS]:
            raise BadSettings(
                "kafka_partitions_differ", f"{topics.SIGNAL_WINDOWS} needs as many partitions as {topics.COUNTS}"
            )
        await self._commit_the_beginning(found[topics.COUNTS])
        self._failed = asyncio.get_running_loop().create_future()
        self._starting = asyncio.create_task(self._app.start(), name=self.name)
        self._watching = asyncio.create_task(self._watch(PATIENCE), name=f"{self.name} watch")

    async def stop(self, deadline: float) -> None:
        """Commit what is finished and leave the group. A record that is being told is not finished, and comes again."""
        if self._starting is None:
            return
        if self._failed is not None:
            self._failed.cancel()
        if self._watching is not None:
            await end(self._watching)
        # Faust swallows cancellations while it stops: what does not end in time is left behind.
        parts = {asyncio.create_task(self._app.stop()), self._starting}
        _, late = await asyncio.wait(parts, timeout=deadline)
        for part in late:
            part.cancel()
            _log.warning("faust_not_stopped", group=self.name)
        self._starting = None

    async def wait(self) -> None:
        """Return when stopped; raise the error that ended the application."""
        if self._starting is None or self._failed is None:
            return
        begun = asyncio.ensure_future(self._begun_and_stopped(self._starting))
        try:
            await asyncio.wait({begun, self._failed}, return_when=asyncio.FIRST_COMPLETED)
            if begun.done():
                begun.result()
        finally:
            await end(begun)
        if self._failed.done() and not self._failed.cancelled():
            self._failed.result()
        if self._app.crashed:
            raise Fatal("faust_crashed", "the application ended by itself") from self._app.crash_reason

    def health(self) -> Health:
        """Ready while the table is whole and no partitions are moving."""
        if self._app.crashed or (self._failed is not None and self._failed.done()):
            return Health(ready=False, live=False, reason="crashed")
        ready = self._whole()
        return Health(ready=ready, reason="" if ready else "reading the table")

    async def _count(self, stream: faust.StreamT[bytes]) -> None:
        # Left to itself, Faust acknowledges also what was cut off or failed.
        async for event in cast("faust.Stream[bytes]", stream).noack().events():
            try:
                if await self._signals.take(_record(event), partial(self._reads, event)):
                    event.ack()
            except Exception as error:
                await self._fail(error)

    async def _begun_and_stopped(self, starting: asyncio.Task[None]) -> None:
        await asyncio.shield(starting)
        await self._app.wait_until_stopped()

    async def _topics(self) -> Mapping[str, int]:
        dead = topics.dead_letters(topics.COUNTS)
        needs = dict.fromkeys((topics.COUNTS, dead, topics.SIGNALS, topics.SIGNAL_WINDOWS), 1)
        return await check_topics(AioCluster(self._connection), needs)

    async def _watch(self, patience: float) -> None:
        """End what does not go on with reading its table. However long it is: a start would begin from nothing."""
        looks, reached = 0, self._reached()
        while looks < _LOOKS:
            await asyncio.sleep(patience / _LOOKS)
            before, reached = reached, self._reached()
            stands_still = reached == before and not self._whole()
            looks = looks + 1 if stands_still and await self._answers() else 0
        await self._fail(Fatal("faust_stands_still", f"nothing of the table was read for {patience:g} s"))

    async def _answers(self) -> bool:
        """Whether the cluster does: while it is away, waiting is right."""
        try:
            await self._topics()
        except TryLater:
            return False
        except Fatal as error:
            await self._fail(error)
        return True

    async def _commit_the_beginning(self, partitions: int) -> None:
        """Where the group has committed nothing yet: of such a partition Faust loses what its client fetched before the
        table was whole, for it takes it back to what was committed. Raises TryLater.
        """
        consumer = AioCluster(self._connection).consumer(self.name, assignor="roundrobin")
        await consumer.start()
        try:
            places = [TopicPartition(topics.COUNTS, number) for number in range(partitions)]
            consumer.assign(places)
            new = [place for place in places if await consumer.committed(place) is None]
            beginnings = {place: Mark(await consumer.beginning(place)) for place in new}
            if beginnings:
                await self._committed(consumer, beginnings)
        finally:
            await consumer.close(_CLOSE)

    async def _committed(self, consumer: Consumer, marks: Mapping[TopicPartition, Mark]) -> None:
        """The group takes it from members alone once it has some. Those have done this, but for partitions that were
        added since.
        """
        try:
            await consumer.commit(marks)
        except TryLater as error:
            _log.warning("signals_not_begun", group=self.name, code=error.code, detail=error.detail)

    async def _settle(self) -> None:
        partitions = self._partitions()
        self._assigned.set(len(partitions))
        if self._whole():
            try:
                await self._signals.settle(partitions)
            except TryLater as error:
                _log.warning("signals_not_settled", code=error.code)

    async def _fail(self, error: Exception) -> None:
        """End the process, and let nobody go past the record."""
        if self._failed is not None and not self._failed.done():
            self._failed.set_exception(error)
        await asyncio.Event().wait()

    def _partitions(self) -> Collection[int]:
        """Those of the counts that are read here."""
        return {place.partition for place in self._app.consumer.assignment() if place.topic == topics.COUNTS}

    def _reached(self) -> Mapping[TP, int]:
        """How far the changelog has been read, by partition."""
        return dict(cast("TableManager", self._app.tables).recovery.active_offsets)

    def _whole(self) -> bool:
        """The start ends with the recovery of the table, and so does a change of partitions."""
        return self._starting is not None and self._starting.done() and not self._app.rebalancing

    def _reads(self, event: EventT[bytes]) -> bool:
        """Whether partitions have not been dealt out anew since it was fetched."""
        return bool(event.message.generation_id == self._app.consumer_generation_id)


def _application(group: str, connection: KafkaSettings) -> TableApp:
    return TableApp(
        group,
        broker=[f"aiokafka://{address}" for address in connection.bootstrap.split(",")],
        broker_credentials=_credentials(connection),
        broker_client_id=connection.client_id,
        broker_session_timeout=connection.session_timeout,
        broker_heartbeat_interval=connection.heartbeat_interval,
        broker_rebalance_timeout=connection.rebalance_timeout,
        broker_commit_interval=_COMMIT_EVERY,
        autodiscover=False,
        store="memory://",
        table_standby_replicas=0,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        worker_redirect_stdouts=False,
        stream_wait_empty=False,  # it would wait without limit for a record that cannot be told
    )


def _credentials(connection: KafkaSettings) -> faust.SASLCredentials | faust.SSLCredentials | None:
    known = connection.credentials
    if known is not None:
        return faust.SASLCredentials(
            username=known.username,
            password=known.password,
            mechanism=known.mechanism,
            ssl_context=connection.tls,
        )
    return faust.SSLCredentials(connection.tls) if connection.tls is not None else None


def _record(event: EventT[bytes]) -> Record:
    """The record as the rest of our code knows it."""
    message = event.message
    headers = message.headers or ()
    return Record(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        timestamp=round(message.timestamp * 1000),
        key=message.key,
        value=message.value,
        headers=tuple(headers.items()) if isinstance(headers, Mapping) else tuple(headers),
    )
