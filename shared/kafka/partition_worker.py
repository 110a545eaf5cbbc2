"""One input partition of a transactional stage: its producer, its batches, its transactions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Generic, TypeAlias

import msgspec

from shared.clock import Clock
from shared.errors import Fatal, TryLater
from shared.kafka.ages import Ages
from shared.kafka.attempts import Attempt, Poison
from shared.kafka.backoff import Backoff
from shared.kafka.dead_letters import DEAD_LETTER_BYTES, DeadLetterCount, DeadLetterLimit
from shared.kafka.health import Pause
from shared.kafka.lingering import linger
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.port import Cluster, Fenced, Mark, Packed, ProducerLost, TransactionalProducer, UnknownTopic
from shared.kafka.record import Decode, E, EventT, Output, Received, Record
from shared.kafka.retries import SetAside
from shared.kafka.share import Share
from shared.telemetry.logs import get_log

_log = get_log()

TransactionalHandler: TypeAlias = Callable[[Sequence[Received[EventT]]], Awaitable[Sequence[Output]]]

_TRANSACTION = 20.0  # less than the cluster's own limit of 30 s
_IDLE_COMMIT = 0.5
_MISSES = 5  # takeovers in a row that fail on a topic which nobody knows
_CLOSE = 2.0
_ABORT = 2.0


class Batch(msgspec.Struct, frozen=True, gc=False):
    """Records of one partition and the offset behind them. Without records, the offset alone is to be committed."""

    records: Sequence[Record]
    next_offset: int


@dataclass(frozen=True, slots=True)
class Job(Generic[E]):
    """What is done with every partition alike. Durations are seconds."""

    group: str
    decode: Decode[E]
    handle: TransactionalHandler[E]
    max_batch: int
    linger: float
    handle_timeout: float
    fenced_pause: float
    quarantine_after: int
    dead_letter_limit: DeadLetterLimit
    aside: SetAside
    cluster: Cluster
    clock: Clock
    metrics: KafkaMetrics
    random: Random


class PartitionWorker(Generic[E]):
    """Works on one share until it is closed."""

    def __init__(self, job: Job[E], share: Share) -> None:
        self._job = job
        self._share = share
        self._place = str(share.partition)
        labels = (job.group, *share.partition)
        self._finished = job.metrics.records.labels(*labels)
        self._retries = job.metrics.retries.labels(*labels)
        self._quarantined = job.metrics.quarantined.labels(*labels)
        self._sizes = job.metrics.batch_records.labels(job.group)
        self._seconds = job.metrics.batch_seconds.labels(job.group)
        self._ages = Ages(job.group, job.clock, job.metrics)
        self._verdicts = DeadLetterCount(job.dead_letter_limit)
        self._backoff = Backoff(job.random)
        self._misses = 0

    async def run(self) -> None:
        """Take over, work, and take over again whenever the producer is lost.

        Raises Fatal when an output's topic stays unknown: its records would wait for ever without anybody noticing.
        """
        job, share = self._job, self._share
        while not share.closed:
            producer = job.cluster.transactional_producer(f"{job.group}.{share.partition[0]}.{share.partition[1]}")
            try:
                await producer.start()
                await share.start()
                await self._work(producer)
            except TryLater as error:
                self._misses = self._misses + 1 if isinstance(error, UnknownTopic) else 0
                if self._misses == _MISSES:
                    raise Fatal(error.code, f"{error.detail}: create it, and name it in `requires`") from error
                job.metrics.rebuilds.labels(job.group, error.code).inc()
                _log.warning("kafka_producer_lost", partition=self._place, detail=error.detail)
                share.suspend()
                # Fenced means that the group may have moved on without us: give a heartbeat time to say so.
                await share.sleep(job.fenced_pause if isinstance(error, Fenced) else self._backoff.pause())
            finally:
                await producer.close(_CLOSE)

    async def _work(self, producer: TransactionalProducer) -> None:
        """Batch after batch, until the share is closed. Raises TryLater when the producer is lost."""
        job = self._job
        while (batch := await self._next()) is not None:
            started = job.clock.monotonic()
            attempt: Attempt[E, Packed] = Attempt(batch.records, job.decode, job.aside.on_postponed)
            if not await self._handled(attempt, producer):
                return None
            if attempt.rejected:
                self._verdicts = self._verdicts.after(batch.records, attempt.dead_offsets(self._share.partition))
                if self._verdicts.exceeded:
                    return await self._halt()
            else:
                self._verdicts.good(len(batch.records))
            if aside := job.aside.outputs(attempt.rejected, attempt.postponed):
                attempt.results.append(producer.pack(aside, DEAD_LETTER_BYTES))
            await self._transact(producer, attempt.results, self._share.mark_at(batch.next_offset))
            self._backoff.reset()
            self._misses = 0
            if batch.records:
                self._ages.finished(batch.records[0])
            self._finished.inc(len(batch.records))
            self._sizes.observe(len(batch.records))
            self._seconds.observe(job.clock.monotonic() - started)
        return None

    async def _next(self) -> Batch | None:
        """The next batch, as soon as there is one and `linger` is over; None when the share is closed."""
        share, job = self._share, self._job
        while not share.closed:
            if len(share):
                await linger(share.__len__, job.max_batch, job.linger)
                return self._take()
            share.arrived.clear()
            behind = share.next_offset > share.committed
            try:
                async with asyncio.timeout(_IDLE_COMMIT if behind else None):
                    await share.arrived.wait()
            except TimeoutError:
                return Batch((), share.next_offset)
        return None

    def _take(self) -> Batch | None:
        """What is there now; None when the share was closed meanwhile."""
        if self._share.closed:
            return None
        records = self._share.take(self._job.max_batch)
        return Batch(records, self._share.next_offset)

    async def _handled(self, attempt: Attempt[E, Packed], producer: TransactionalProducer) -> bool:
        """Run the handler until it has an answer. False when the share was closed while it asked for patience."""
        share, job = self._share, self._job

        async def encoded(part: Sequence[Received[E]]) -> Packed:
            return producer.pack(await job.handle(part))

        backoff = Backoff(job.random)
        while True:
            try:
                async with asyncio.timeout(job.handle_timeout):
                    await attempt.run(encoded)
            except TimeoutError:
                await self._hung(attempt, producer)
            except Poison as poison:
                await self._strike(attempt, poison.record, poison, producer)
            except TryLater as error:
                self._retries.inc()
                _log.warning("kafka_handler_waits", partition=self._place, code=error.code)
                share.trouble = Pause.RETRYING
                await share.sleep(backoff.pause())
                if share.closed:
                    return False
            else:
                share.trouble = None
                return True

    async def _hung(self, attempt: Attempt[E, Packed], producer: TransactionalProducer) -> None:
        """No answer in time: end the process. Which record it was shows when they are handled one at a time."""
        records = attempt.records
        place = f"{self._place} offset {records[0].offset}"
        error = Fatal("kafka_handler_hung", f"{place}: no answer in {self._job.handle_timeout:g} s")
        if len(records) == 1:
            return await self._strike(attempt, records[0], error, producer)
        self._share.suspect(records[-1].offset)
        await self._remember(producer)
        raise error

    async def _strike(
        self, attempt: Attempt[E, Packed], record: Record, error: Fatal, producer: TransactionalProducer
    ) -> None:
        """A record is to blame: end the process and remember it, or quarantine the record if that was often enough."""
        strikes = self._share.strike(record.offset)
        if strikes < self._job.quarantine_after:
            await self._remember(producer)
            raise error
        attempt.quarantine(record, strikes)
        self._quarantined.inc()
        _log.error("kafka_record_quarantined", place=f"{self._place} offset {record.offset}", detail=error.detail)

    async def _remember(self, producer: TransactionalProducer) -> None:
        """Leave the suspicion to whoever reads on, if that is possible."""
        with suppress(TryLater):
            await self._transact(producer, (), self._share.mark_at(self._share.committed))

    async def _halt(self) -> None:
        """Too many dead letters: leave the rest where it is, and wait for somebody to look."""
        self._share.halt(Pause.DEAD_LETTERS)
        _log.error("kafka_too_many_dead_letters", group=self._job.group, partition=self._place)
        await self._share.sleep(None)

    async def _transact(self, producer: TransactionalProducer, packed: Sequence[Packed], mark: Mark) -> None:
        """Outputs and mark, or neither. Raises TryLater when that is not certain; the next producer will know."""
        try:
            async with asyncio.timeout(_TRANSACTION):
                await producer.begin()
                await producer.write(packed, {self._share.partition: mark}, self._job.group)
                await producer.commit()
        except TimeoutError:
            raise ProducerLost("kafka_transaction_timeout", f"{self._place}: no end in {_TRANSACTION:g} s") from None
        except asyncio.CancelledError:
            # An open transaction would hold back every reader of its partitions until the cluster's own limit.
            with suppress(TryLater, TimeoutError):
                async with asyncio.timeout(_ABORT):
                    await producer.abort()
            raise
        self._share.mark = mark
