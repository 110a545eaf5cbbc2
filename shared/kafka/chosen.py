"""Topics that come and go, each read for itself, without a group: one topic per customer, say."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from random import Random
from typing import Protocol, TypeAlias

import msgspec

from shared.clock import Clock
from shared.errors import Fatal, TryLater
from shared.kafka.aio import AioCluster
from shared.kafka.backoff import Backoff
from shared.kafka.feed import Feed
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.port import Cluster, Consumer, OutOfRange
from shared.kafka.preflight import check_topics
from shared.kafka.record import Record, TopicPartition
from shared.kafka.settings import KafkaSettings
from shared.kafka.watchdog import Watchdog
from shared.kafka.workers import Workers, describe
from shared.lifecycle import Health
from shared.telemetry.logs import get_log

_log = get_log()

_POLL = 0.2
_POLL_PAUSE = 0.2
_CLOSE_LEAST = 1.0
_POSITIONING = 16  # partitions at a time


class Lot(msgspec.Struct, frozen=True, gc=False):
    """Records of one partition, in their order, at least one."""

    partition: TopicPartition
    records: Sequence[Record]


class Done(msgspec.Struct, frozen=True, gc=False):
    """How many records of a lot are finished, from the first on; of that partition nothing comes for `wait` seconds."""

    records: int
    wait: float = 0.0


class ChosenHandler(Protocol):
    """Finishes lots, or the first records of each. Raises TryLater to be called again with the same lots."""

    async def __call__(self, lots: Sequence[Lot]) -> Sequence[Done]:
        """What became of each lot, in their order. Work that is done twice must do no harm."""
        ...


Choose: TypeAlias = Callable[[], Awaitable[Mapping[str, int]]]
"""The topics to read now, with the number of partitions that each has. Raises TryLater when that is not known."""


class ChosenRunner:
    """Runs one handler over chosen topics; every record is finished at least once, those of a partition in order.

    `choose` is asked every `refresh` seconds: a topic that is new is read from the group's committed offset, else from
    its beginning; one that is not named any more is dropped. While `choose` asks for patience the choice stays. A
    partition whose committed offset is gone (retention was faster, or the topic was made anew) is read from its
    beginning. Partitions take turns, so none waits for another that is busy, and none that is waited for
    (`Done.wait`) holds up others.

    Nobody else may read for the same group: two processes would do everything twice. Errors of the handler other than
    TryLater end the component (`wait` raises them): it keeps what is wrong with single records to itself.
    """

    def __init__(
        self,
        *,
        connection: KafkaSettings,
        group: str,
        choose: Choose,
        handle: ChosenHandler,
        requires: Mapping[str, int],
        clock: Clock,
        metrics: KafkaMetrics,
        max_batch: int = 500,
        refresh: float = 1.0,
        commit_interval: float = 0.2,
        stall_after: float = 60.0,
        cluster: Cluster | None = None,
        random: Random | None = None,
    ) -> None:
        """`requires`: topics that the handler cannot do without, and the least number of partitions of each; that one
        is missing is a fault, unlike with a chosen one.
        """
        self._connection = connection
        self._group = group
        self._choose = choose
        self._handle = handle
        self._requires = requires
        self._clock = clock
        self._metrics = metrics
        self._max_batch = max_batch
        self._refresh = refresh
        self._commit_interval = commit_interval
        self._stall_after = stall_after
        self._cluster = cluster or AioCluster(connection)
        self._random = random or Random()
        self._feeds: dict[TopicPartition, Feed] = {}
        self._turns: deque[Feed] = deque()
        self._arrived = asyncio.Event()
        self._consumer: Consumer | None = None
        self._workers = Workers(self._fail)
        self._work = Workers(self._fail)
        self._chosen = False
        self._stopping = False
        self._moved_at = clock.monotonic()
        self._halt = asyncio.Event()
        self._ended = asyncio.Event()
        self._error: Exception | None = None

    @property
    def name(self) -> str:
        """The group: name in logs and probes."""
        return self._group

    async def start(self) -> None:
        """Connect, and begin to read in the background; `health().ready` says when the first choice is made."""
        await check_topics(self._cluster, self._requires)
        consumer = self._cluster.consumer(self._group, assignor="roundrobin")
        await consumer.start()
        self._consumer = consumer
        self._stopping = self._chosen = False
        self._error = None
        self._ended.clear()
        self._halt.clear()
        self._moved_at = self._clock.monotonic()
        watchdog = Watchdog(
            consumer,
            self._group,
            canary=TopicPartition(next(iter(self._requires)), 0),
            stall_after=self._stall_after,
            join_within=self._stall_after,
            clock=self._clock,
            metrics=self._metrics,
        )
        self._workers.start(self._follow(consumer))
        self._workers.start(self._poll(consumer))
        self._workers.start(self._commit_regularly(consumer))
        self._workers.start(watchdog.run(lambda: [feed.share for feed in self._feeds.values() if feed.share.ready]))
        self._work.start(self._run())

    async def stop(self, deadline: float) -> None:
        """Finish the running batch within `deadline` seconds, commit, disconnect. Repeatable."""
        self._stopping = True
        self._halt.set()
        self._arrived.set()
        if self._consumer is not None:
            await self._work.finish(max(deadline - 2 * _CLOSE_LEAST, deadline / 2))
            await self._workers.finish(0.0)
            try:
                async with asyncio.timeout(_CLOSE_LEAST):
                    await self._commit(self._consumer)
            except TimeoutError:
                _log.warning("kafka_commit_failed", group=self._group, detail="no answer while stopping")
            await self._consumer.close(_CLOSE_LEAST)
            self._consumer = None
            self._drop(list(self._feeds))
        self._ended.set()

    async def wait(self) -> None:
        """Return when stopped; raise the error that ended the component."""
        await self._ended.wait()
        if self._error is not None:
            raise self._error

    def health(self) -> Health:
        """Ready once the topics are chosen; live while nothing fatal has happened."""
        if self._error is not None:
            return Health(ready=False, live=False, reason=describe(self._error))
        if self._stopping or self._consumer is None:
            return Health(ready=False, reason="not running")
        return Health(ready=self._chosen, reason="" if self._chosen else "choosing topics")

    def _fail(self, error: Exception) -> None:
        if self._error is None:
            self._error = error
            _log.error("kafka_stage_failed", group=self._group, error=describe(error), exc_info=error)
            self._ended.set()

    async def _follow(self, consumer: Consumer) -> None:
        """Keep the choice as it should be, and position what has none."""
        while True:
            try:
                self._assign(consumer, await self._choose())
                await self._position()
                self._chosen = True
            except TryLater as error:
                _log.warning("kafka_choice_kept", group=self._group, code=error.code, detail=error.detail)
            await asyncio.sleep(self._refresh)

    def _assign(self, consumer: Consumer, topics: Mapping[str, int]) -> None:
        wanted = [TopicPartition(topic, number) for topic, count in sorted(topics.items()) for number in range(count)]
        gone = self._feeds.keys() - set(wanted)
        new = [partition for partition in wanted if partition not in self._feeds]
        if not gone and not new:
            return
        _log.info("kafka_partitions_chosen", group=self._group, count=len(wanted), new=len(new), gone=len(gone))
        self._drop(list(gone))
        consumer.assign(wanted)
        for partition in new:
            feed = self._feeds[partition] = Feed(partition, consumer, self._arrived)
            self._turns.append(feed)
        self._metrics.assigned.labels(self._group).set(len(self._feeds))

    def _drop(self, gone: Sequence[TopicPartition]) -> None:
        for partition in gone:
            feed = self._feeds.pop(partition)
            feed.share.close()
            self._turns.remove(feed)

    async def _position(self) -> None:
        """Start what is not started. One that cannot be (its topic went) is tried again with the next choice."""
        waiting = [feed for feed in self._feeds.values() if not feed.share.ready]
        for begin in range(0, len(waiting), _POSITIONING):
            starts = [feed.share.start() for feed in waiting[begin : begin + _POSITIONING]]
            for outcome in await asyncio.gather(*starts, return_exceptions=True):
                if isinstance(outcome, BaseException) and not isinstance(outcome, TryLater):
                    raise outcome

    async def _poll(self, consumer: Consumer) -> None:
        while True:
            if not self._feeds:
                self._moved_at = self._clock.monotonic()
                await asyncio.sleep(_POLL)
                continue
            try:
                fetched = await consumer.poll(_POLL, 2 * self._max_batch)
            except OutOfRange as error:
                await self._begin_anew(consumer, error.partitions)
                continue
            except TryLater as error:
                if self._clock.monotonic() - self._moved_at > self._stall_after:
                    raise Fatal("kafka_unreadable", error.detail) from error
                _log.warning("kafka_poll_failed", group=self._group, detail=error.detail)
                await asyncio.sleep(_POLL_PAUSE)
                continue
            self._moved_at = self._clock.monotonic()
            for partition, news in fetched.items():
                feed = self._feeds.get(partition)
                if feed is not None and feed.share.ready:
                    feed.share.add(news)
            await asyncio.sleep(0)  # a poll that finds records does not yield by itself

    async def _begin_anew(self, consumer: Consumer, partitions: frozenset[TopicPartition]) -> None:
        """What was committed is not there: read from what is."""
        for partition in partitions & self._feeds.keys():
            _log.error("kafka_position_lost", group=self._group, partition=str(partition))
            feed = self._feeds[partition]
            feed.share.suspend()
            try:
                await feed.restart(await consumer.beginning(partition))
            except TryLater as error:
                _log.warning("kafka_position_unknown", group=self._group, detail=error.detail)

    async def _run(self) -> None:
        while not self._stopping and self._error is None:
            self._arrived.clear()
            now = self._clock.monotonic()
            lots = self._take(now)
            if lots:
                await self._finish(lots)
                await asyncio.sleep(0)
                continue
            waits = [feed.until - now for feed in self._turns if feed.until > now]
            try:
                async with asyncio.timeout(min(waits, default=None)):
                    await self._arrived.wait()
            except TimeoutError:
                continue

    def _take(self, now: float) -> list[tuple[Feed, Lot]]:
        """A batch: what waits, in equal measure from each, beginning with another one each time."""
        if self._turns:
            self._turns.rotate(-1)
        able = [feed for feed in self._turns if feed.until <= now and len(feed)]
        left, lots = self._max_batch, []
        for index, feed in enumerate(able):
            records = feed.take(max(1, left // (len(able) - index)))
            if records:
                lots.append((feed, Lot(feed.share.partition, records)))
                left -= len(records)
            if left <= 0:
                break
        return lots

    async def _finish(self, lots: Sequence[tuple[Feed, Lot]]) -> None:
        """Have the lots handled, with patience, until it is known what became of each."""
        backoff = Backoff(self._random)
        started = self._clock.monotonic()
        while True:
            try:
                outcomes = await self._handle([lot for _, lot in lots])
            except TryLater as error:
                if self._stopping:
                    return
                _log.warning("kafka_stage_waits", group=self._group, code=error.code, detail=error.detail)
                for _, lot in lots:
                    self._metrics.retries.labels(self._group, *lot.partition).inc()
                await self._pause(backoff.pause())
            else:
                break
        now = self._clock.monotonic()
        finished = 0
        for (feed, lot), done in zip(lots, outcomes, strict=True):
            feed.finish(lot.records, done.records)
            feed.until = now + done.wait if done.wait else 0.0
            finished += done.records
            self._metrics.records.labels(self._group, *lot.partition).inc(done.records)
        self._metrics.batch_records.labels(self._group).observe(finished)
        self._metrics.batch_seconds.labels(self._group).observe(now - started)

    async def _pause(self, seconds: float) -> None:
        """Wait, but not beyond the end."""
        try:
            async with asyncio.timeout(seconds):
                await self._halt.wait()
        except TimeoutError:
            return

    async def _commit_regularly(self, consumer: Consumer) -> None:
        while True:
            await asyncio.sleep(self._commit_interval)
            await self._commit(consumer)

    async def _commit(self, consumer: Consumer) -> None:
        """Commit what is ahead. A failure is left to the next time: until then a crash repeats more."""
        ahead = {partition: feed.finished for partition, feed in self._feeds.items() if feed.ahead}
        if not ahead:
            return
        try:
            await consumer.commit(ahead)
        except TryLater as error:
            self._metrics.commit_failures.labels(self._group).inc()
            _log.warning("kafka_commit_failed", group=self._group, detail=error.detail)
            return
        for partition, mark in ahead.items():
            if partition in self._feeds:
                self._feeds[partition].share.mark = mark
