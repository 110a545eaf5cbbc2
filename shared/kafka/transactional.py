"""Exactly once from topics to topics: a batch's outputs and its offsets in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from random import Random
from typing import Generic, TypeAlias

import msgspec

from shared.clock import Clock
from shared.errors import Fatal, TryLater
from shared.kafka.aio import AioCluster
from shared.kafka.attempts import Attempt
from shared.kafka.backoff import Backoff
from shared.kafka.dead_letters import DEAD_LETTER_BYTES, DEFAULT_LIMIT, DeadLetterCount, DeadLetterLimit, DeadLetters
from shared.kafka.health import Health, Pause
from shared.kafka.intake import Intake, Reading
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.port import Assignor, Cluster, Fenced, Packed, ProducerLost, TransactionalProducer
from shared.kafka.record import Decode, E, EventT, Output, Received, Record, TopicPartition
from shared.kafka.settings import KafkaSettings
from shared.kafka.share import Bounds, Share
from shared.kafka.workers import Workers
from shared.telemetry.logs import get_log

_log = get_log()

TransactionalHandler: TypeAlias = Callable[[Sequence[Received[EventT]]], Awaitable[Sequence[Output]]]

_TRANSACTION = 20.0  # less than the cluster's own limit of 30 s
_IDLE_COMMIT = 0.5
_CLOSE = 2.0
_ABORT = 2.0


class Batch(msgspec.Struct, frozen=True, gc=False):
    """Records of one partition and the offset behind them. Without records, the offset alone is to be committed."""

    records: Sequence[Record]
    next_offset: int


class TransactionalRunner(Generic[E]):
    """Runs one handler over the partitions of some topics, exactly once from Kafka to Kafka.

    Each partition has a worker and a transactional producer of its own, id `<group>.<topic>.<partition>`: whoever
    starts that producer fences every earlier owner and ends its open transaction *before* reading the committed
    offset, so a worker that wakes up late cannot commit (aiokafka sends no group generation with the offsets, so the
    group alone would not stop it). Keep to about 12 input partitions per process.

    Per batch: decode, handle, encode; begin, write outputs and offsets, commit. The next batch begins when the last
    one ended, after at most `linger` seconds of waiting for `max_batch` records. Whatever fails inside a transaction
    ends the same way: a new producer with the same id, then back to the committed offset. So the handler may see
    records again, and must not keep effects of its own that a repeat would double.

    The handler raises TryLater to be called again after a pause with the same records; Refused or BadRecord when a
    record can never be handled: the batch is halved down to that record, which goes to its dead-letter topic in the
    same transaction. Any other error, pinned on a single record, ends the stage (`wait` raises Fatal), as does a
    handler that takes longer than `handle_timeout` seconds.
    """

    def __init__(
        self,
        *,
        connection: KafkaSettings,
        group: str,
        topics: Sequence[str],
        decode: Decode[E],
        handle: TransactionalHandler[E],
        dead_letter_topic: Callable[[str], str],
        clock: Clock,
        metrics: KafkaMetrics,
        max_batch: int = 500,
        linger: float = 0.005,
        handle_timeout: float = 60.0,
        dead_letter_limit: DeadLetterLimit = DEFAULT_LIMIT,
        requires: Mapping[str, int] | None = None,
        partition_assignment: Assignor = "roundrobin",
        group_instance_id: str | None = None,
        stall_after: float = 60.0,
        cluster: Cluster | None = None,
        random: Random | None = None,
    ) -> None:
        self._group = group
        self._decode = decode
        self._handle = handle
        self._clock = clock
        self._metrics = metrics
        self._max_batch = max_batch
        self._linger = linger
        self._handle_timeout = handle_timeout
        self._fenced_pause = 2 * connection.heartbeat_interval
        self._cluster = cluster or AioCluster(connection)
        self._random = random or Random()
        self._dead_letters = DeadLetters(group, dead_letter_topic, clock, metrics)
        self._dead_letter_limit = dead_letter_limit
        self._intake = Intake(
            Reading(
                group=group,
                topics=tuple(topics),
                needs={**dict.fromkeys([*topics, *map(dead_letter_topic, topics)], 1), **(requires or {})},
                partition_assignment=partition_assignment,
                group_instance_id=group_instance_id,
                poll_records=2 * max_batch,
                bounds=Bounds(records=4 * max_batch),
                stall_after=stall_after,
            ),
            connection=connection,
            cluster=self._cluster,
            stage=self,
            new_event=asyncio.Event,
            clock=clock,
            metrics=metrics,
        )
        self._workers = Workers(self._intake.fail)

    @property
    def name(self) -> str:
        """The group: name in logs and probes."""
        return self._group

    async def start(self) -> None:
        """Check the topics and join the group in the background; `health().ready` says when it works.

        Raises TryLater when the cluster cannot be reached within `start_timeout`, BadSettings naming what is wrong.
        """
        await self._intake.start()

    async def wait(self) -> None:
        """Return when stopped; raise the error that ended the stage."""
        await self._intake.wait()

    async def stop(self, deadline: float) -> None:
        """Finish the running batches within `deadline` seconds, or abort them, and leave the group."""
        await self._intake.stop(deadline)

    def health(self) -> Health:
        """How it is now."""
        return self._intake.health()

    def assigned(self, shares: Sequence[Share]) -> None:
        """One worker per partition."""
        for share in shares:
            self._workers.start(self._own(share))

    async def revoked(self, deadline: float) -> None:
        """Let the running transactions end; cut off, hence abort, those that do not in time."""
        await self._workers.finish(deadline)

    async def _own(self, share: Share) -> None:
        """A partition's life: take over, work, take over again whenever the producer is lost."""
        backoff = Backoff(self._random)
        while not share.closed:
            producer = self._cluster.transactional_producer(f"{self._group}.{share.partition[0]}.{share.partition[1]}")
            try:
                await producer.start()
                await share.start()
                await self._work(share, producer, backoff)
            except TryLater as error:
                self._metrics.rebuilds.labels(self._group, error.code).inc()
                _log.warning("kafka_producer_lost", partition=str(share.partition), detail=error.detail)
                share.suspend()
                # Fenced means that the group may have moved on without us: give a heartbeat time to say so.
                await share.sleep(self._fenced_pause if isinstance(error, Fenced) else backoff.pause())
            finally:
                await producer.close(_CLOSE)

    async def _work(self, share: Share, producer: TransactionalProducer, backoff: Backoff) -> None:
        """Batch after batch, until the share is closed. Raises TryLater when the producer is lost."""
        finished = self._metrics.records.labels(self._group, *share.partition)
        sizes = self._metrics.batch_records.labels(self._group)
        seconds = self._metrics.batch_seconds.labels(self._group)
        verdicts = DeadLetterCount(self._dead_letter_limit)
        while (batch := await self._next(share)) is not None:
            started = self._clock.monotonic()
            attempt: Attempt[E, Packed] = Attempt(batch.records, self._decode)
            if not await self._handled(attempt, share, producer):
                return
            packed = attempt.results
            if attempt.rejected:
                verdicts = verdicts.after(batch.records, attempt.dead_offsets(share.partition))
                if verdicts.exceeded:
                    share.halt(Pause.DEAD_LETTERS)
                    _log.error("kafka_too_many_dead_letters", group=self._group, partition=str(share.partition))
                    await share.sleep(None)
                    return
                letters = self._dead_letters.outputs(attempt.rejected, self._intake.partition_counts)
                packed.append(producer.pack(letters, DEAD_LETTER_BYTES))
            else:
                verdicts.good(len(batch.records))
            await self._transact(producer, packed, share.partition, batch.next_offset)
            share.committed = batch.next_offset
            backoff.reset()
            finished.inc(len(batch.records))
            sizes.observe(len(batch.records))
            seconds.observe(self._clock.monotonic() - started)

    async def _next(self, share: Share) -> Batch | None:
        """The next batch, as soon as there is one and `linger` is over; None when the share is closed."""
        while not share.closed:
            if len(share):
                if self._linger and len(share) < self._max_batch:
                    await asyncio.sleep(self._linger)
                records = share.take(self._max_batch)
                return Batch(records, share.next_offset)
            share.arrived.clear()
            behind = share.position > share.committed
            try:
                async with asyncio.timeout(_IDLE_COMMIT if behind else None):
                    await share.arrived.wait()
            except TimeoutError:
                return Batch((), share.next_offset)
        return None

    async def _handled(self, attempt: Attempt[E, Packed], share: Share, producer: TransactionalProducer) -> bool:
        """Run the handler until it has an answer. False when the share was closed while it asked for patience."""

        async def encoded(part: Sequence[Received[E]]) -> Packed:
            return producer.pack(await self._handle(part))

        backoff = Backoff(self._random)
        while True:
            try:
                async with asyncio.timeout(self._handle_timeout):
                    await attempt.run(encoded)
            except TimeoutError:
                place = f"{share.partition} offset {attempt.records[0].offset}"
                raise Fatal("kafka_handler_hung", f"{place}: no answer in {self._handle_timeout:g} s") from None
            except TryLater as error:
                self._metrics.retries.labels(self._group, *share.partition).inc()
                _log.warning("kafka_handler_waits", partition=str(share.partition), code=error.code)
                share.trouble = Pause.RETRYING
                await share.sleep(backoff.pause())
                if share.closed:
                    return False
            else:
                share.trouble = None
                return True

    async def _transact(
        self, producer: TransactionalProducer, packed: Sequence[Packed], partition: TopicPartition, next_offset: int
    ) -> None:
        """Outputs and offset, or neither. Raises TryLater when that is not certain; the next producer will know."""
        try:
            async with asyncio.timeout(_TRANSACTION):
                await producer.begin()
                await producer.write(packed, {partition: next_offset}, self._group)
                await producer.commit()
        except TimeoutError:
            raise ProducerLost("kafka_transaction_timeout", f"{partition}: no end within {_TRANSACTION:g} s") from None
        except asyncio.CancelledError:
            # An open transaction would hold back every reader of its partitions until the cluster's own limit.
            with suppress(TryLater, TimeoutError):
                async with asyncio.timeout(_ABORT):
                    await producer.abort()
            raise
