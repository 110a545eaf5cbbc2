"""Partitions that come and go, each read for itself, without a group: those of one topic per customer, say."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from random import Random

from shared.clock import Clock
from shared.errors import TryLater
from shared.kafka.aio import AioCluster
from shared.kafka.backoff import Backoff
from shared.kafka.choice import Choice, ChosenHandler, Done, Lot
from shared.kafka.feed import Feed
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.port import Cluster, Fetched, OutOfRange, Unreadable
from shared.kafka.preflight import check_topics
from shared.kafka.reader import POLL, Reader
from shared.kafka.record import TopicPartition
from shared.kafka.settings import KafkaSettings
from shared.kafka.turns import Turns
from shared.kafka.workers import Workers, describe
from shared.lifecycle import Health
from shared.telemetry.logs import get_log

_log = get_log()

_CLOSE_LEAST = 1.0
_POSITIONING = 16  # partitions at a time


class ChosenRunner(Reader):
    """Runs one handler over chosen partitions; every record is finished at least once, those of a partition in order.

    The choice is asked every `refresh` seconds: what is new, or has a new term, is read from the group's committed
    offset, else from its beginning; of what is not named any more the running work is finished and committed before it
    is let go. While the choice asks for patience it stays. Of a partition whose term is over nothing is handed out, and
    nothing committed: the offsets are its successor's. A partition whose committed offset is gone (retention was
    faster, or the topic was made anew) is read from its beginning; a batch that cannot be read is left out, so that one
    producer does not end the reading of all. Partitions take turns, so none waits for another
    that is busy, and none that is waited for (`Done.wait`) holds up others.

    The group is a name for offsets, without members: that no two processes read one partition is for the choice to see
    to. Errors of the handler other than TryLater end the component (`wait` raises them): it keeps what is wrong with
    single records to itself.
    """

    def __init__(
        self,
        *,
        connection: KafkaSettings,
        group: str,
        choice: Choice,
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
        super().__init__(
            group,
            connection=connection,
            cluster=cluster or AioCluster(connection),
            clock=clock,
            metrics=metrics,
            stall_after=stall_after,
        )
        self._choice = choice
        self._handle = handle
        self._requires = requires
        self._max_batch = max_batch
        self._refresh = refresh
        self._commit_interval = commit_interval
        self._random = random or Random()
        self._feeds = Turns(choice.holds)
        self._arrived = asyncio.Event()
        self._work = Workers(self.fail)
        self._committing = asyncio.Lock()
        self._chosen = False
        self._stopping = False
        self._halt = asyncio.Event()

    async def start(self) -> None:
        """Connect, and begin to read in the background; `health().ready` says when the first choice is made."""
        await check_topics(self._cluster, self._requires)
        consumer = self._cluster.consumer(self._name, assignor="roundrobin")
        await consumer.start()
        self._begin(consumer)
        self._stopping = self._chosen = False
        self._halt.clear()
        self._workers.start(self._follow())
        self._workers.start(self._commit_regularly())
        self._read(
            self._fetch,
            self._take_in,
            canary=TopicPartition(next(iter(self._requires)), 0),
            positions=lambda: [feed.share for feed in self._feeds if feed.share.ready],
        )
        self._work.start(self._run())

    async def stop(self, deadline: float) -> None:
        """Finish the running batch within `deadline` seconds, commit, disconnect. Repeatable."""
        self._stopping = True
        self._halt.set()
        self._arrived.set()
        if self._connected is not None:
            await self._work.finish(max(deadline - 2 * _CLOSE_LEAST, deadline / 2))
            await self._workers.finish(0.0)
            try:
                async with asyncio.timeout(_CLOSE_LEAST):
                    await self._commit(self._feeds)
            except TimeoutError:
                _log.warning("kafka_commit_failed", group=self._name, detail="no answer while stopping")
            self._feeds.drop(list(self._feeds))
        await self._end(_CLOSE_LEAST)

    def health(self) -> Health:
        """Ready once the partitions are chosen; live while nothing fatal has happened."""
        if self._error is not None:
            return Health(ready=False, live=False, reason=describe(self._error))
        if self._stopping or self._connected is None:
            return Health(ready=False, reason="not running")
        return Health(ready=self._chosen, reason="" if self._chosen else "choosing partitions")

    async def _follow(self) -> None:
        """Keep the choice as it should be, and position what has no position."""
        while True:
            try:
                chosen = await self._choice.choose()
                await self._apply(chosen)
                await self._choice.applied(chosen)
                await self._position()
                self._chosen = True
            except TryLater as error:
                _log.warning("kafka_choice_kept", group=self._name, code=error.code, detail=error.detail)
            self._arrived.set()  # a term that was in doubt may be sure again
            await asyncio.sleep(self._refresh)

    async def _apply(self, chosen: Mapping[TopicPartition, int]) -> None:
        kept = {feed.partition for feed in self._feeds if chosen.get(feed.partition) == feed.term}
        gone = [feed for feed in self._feeds if feed.partition not in kept]
        new = sorted(chosen.keys() - kept)
        if not gone and not new:
            return
        _log.info("kafka_partitions_chosen", group=self._name, count=len(chosen), new=len(new), gone=len(gone))
        await self._let_go(gone)
        self.consumer.assign(sorted(chosen))
        for partition in new:
            self._feeds.add(Feed(partition, chosen[partition], self.consumer, self._arrived))
            self._metrics.records.labels(self._name, *partition)  # 0, so that one that stands still is seen to
        self._metrics.assigned.labels(self._name).set(len(self._feeds))

    async def _let_go(self, gone: Sequence[Feed]) -> None:
        """What is ours still is finished first; of what is not, nothing counts any more."""
        await asyncio.gather(*(feed.leave() for feed in gone if self._feeds.holds(feed)))
        await self._commit(gone)
        self._feeds.drop(gone)

    async def _position(self) -> None:
        """Start what is not started. One that cannot be (its topic went) is tried again with the next choice."""
        waiting = [feed for feed in self._feeds if not feed.share.ready]
        for begin in range(0, len(waiting), _POSITIONING):
            starts = [feed.share.start() for feed in waiting[begin : begin + _POSITIONING]]
            for outcome in await asyncio.gather(*starts, return_exceptions=True):
                if isinstance(outcome, BaseException) and not isinstance(outcome, TryLater):
                    raise outcome

    async def _fetch(self) -> Mapping[TopicPartition, Fetched]:
        if not self._feeds:
            await asyncio.sleep(self._refresh)
            return {}
        try:
            return await self.consumer.poll(POLL, 2 * self._max_batch)
        except OutOfRange as error:
            await self._begin_anew(error.partitions)
            return {}
        except Unreadable as error:
            return self._leave_out(error)

    def _take_in(self, partition: TopicPartition, fetched: Fetched) -> None:
        feed = self._feeds.get(partition)
        if feed is not None and feed.share.ready:
            feed.share.add(fetched)

    def _leave_out(self, error: Unreadable) -> Mapping[TopicPartition, Fetched]:
        """Go on behind it."""
        place = error.partition
        _log.error("kafka_batch_unreadable", group=self._name, partition=str(place), detail=error.detail)
        self._metrics.unreadable.labels(self._name, *place).inc()
        self.consumer.seek(place, error.behind)
        return {place: Fetched([], error.behind)}

    async def _begin_anew(self, partitions: frozenset[TopicPartition]) -> None:
        """What was committed is not there: read from what is."""
        for feed in [feed for feed in self._feeds if feed.partition in partitions]:
            _log.error("kafka_position_lost", group=self._name, partition=str(feed.partition))
            feed.share.suspend()
            if self._feeds.holds(feed):
                try:
                    await feed.restart(await self.consumer.beginning(feed.partition))
                except TryLater as error:
                    _log.warning("kafka_position_unknown", group=self._name, detail=error.detail)

    async def _run(self) -> None:
        while not self._stopping and self._error is None:
            self._arrived.clear()
            now = self._clock.monotonic()
            if lots := self._feeds.take(now, self._max_batch):
                await self._finish(lots)
                await asyncio.sleep(0)
                continue
            try:
                async with asyncio.timeout(self._feeds.wait(now)):
                    await self._arrived.wait()
            except TimeoutError:
                continue

    async def _finish(self, lots: list[tuple[Feed, Lot]]) -> None:
        """Have the lots handled, with patience, until it is known what became of each that is still ours."""
        backoff = Backoff(self._random)
        started = self._clock.monotonic()
        outcomes: Sequence[Done] | None = None
        while lots and outcomes is None:
            try:
                outcomes = await self._handle([lot for _, lot in lots])
            except TryLater as error:
                if self._stopping:
                    return
                _log.warning("kafka_stage_waits", group=self._name, code=error.code, detail=error.detail)
                for _, lot in lots:
                    self._metrics.retries.labels(self._name, *lot.partition).inc()
                await self._pause(backoff.pause())
                lots = self._feeds.still_ours(lots)
        now = self._clock.monotonic()
        finished = 0
        for (feed, lot), done in zip(lots, outcomes or (), strict=True):
            feed.finish(lot.records, done.records)
            feed.until = now + done.wait if done.wait else 0.0
            finished += done.records
            self._metrics.records.labels(self._name, *lot.partition).inc(done.records)
        self._metrics.batch_records.labels(self._name).observe(finished)
        self._metrics.batch_seconds.labels(self._name).observe(now - started)

    async def _pause(self, seconds: float) -> None:
        """Wait, but not beyond the end."""
        try:
            async with asyncio.timeout(seconds):
                await self._halt.wait()
        except TimeoutError:
            return

    async def _commit_regularly(self) -> None:
        while True:
            await asyncio.sleep(self._commit_interval)
            await self._commit(self._feeds)

    async def _commit(self, feeds: Iterable[Feed]) -> None:
        """Commit what is ahead and ours. A failure is left to the next time: until then a crash repeats more."""
        async with self._committing:  # two at once might arrive in the wrong order
            ahead = {feed.partition: (feed, feed.finished) for feed in feeds if feed.ahead and self._feeds.holds(feed)}
            if not ahead:
                return
            try:
                await self.consumer.commit({partition: mark for partition, (_, mark) in ahead.items()})
            except TryLater as error:
                self._metrics.commit_failures.labels(self._name).inc()
                _log.warning("kafka_commit_failed", group=self._name, detail=error.detail)
                return
            for feed, mark in ahead.values():
                feed.share.mark = mark
