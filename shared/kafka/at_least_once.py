"""At least once from topics to anywhere: an offset is committed only behind finished work."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from random import Random
from typing import Generic, TypeAlias

from shared.clock import Clock
from shared.errors import TryLater
from shared.kafka.aio import AioCluster
from shared.kafka.attempts import Attempt, Poison
from shared.kafka.backoff import Backoff
from shared.kafka.dead_letters import (
    DEAD_LETTER_BYTES,
    DEFAULT_LIMIT,
    QUARANTINE_AFTER,
    DeadLetterCount,
    DeadLetterLimit,
    DeadLetters,
)
from shared.kafka.health import Health, Pause
from shared.kafka.intake import Intake, Reading
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.port import Assignor, Cluster
from shared.kafka.record import Decode, E, EventT, Received, Record, TopicPartition
from shared.kafka.sending import Sender
from shared.kafka.settings import KafkaSettings
from shared.kafka.share import Bounds, Share
from shared.kafka.tenure import Tenure
from shared.kafka.workers import Workers, describe
from shared.telemetry.logs import get_log

_log = get_log()

Finish: TypeAlias = Callable[[Received[EventT]], None]
AtLeastOnceHandler: TypeAlias = Callable[[Sequence[Received[EventT]], Finish[EventT]], Awaitable[None]]
PartitionsHook: TypeAlias = Callable[[frozenset[TopicPartition]], Awaitable[None]]
Taken: TypeAlias = Sequence[tuple[Share, Sequence[Record]]]

_LAST_COMMIT = 3.0
_GIVE_UP = 5.0


class AtLeastOnceRunner(Generic[E]):
    """Runs one handler over the partitions of some topics; every record is finished at least once.

    The handler gets a batch and a function `finish`, which it calls for each record when its work is durable: before
    it returns or long after, in any order, from any task of the same loop. It returns when it can take the next
    batch: that is the back-pressure, and there is no limit on how long it may take. Beyond `max_unfinished` records
    nothing is handed out. A batch spans the partitions of the consumer, or with `per_partition` each partition has
    its batches for itself, concurrently; within a partition the order is kept.

    Offsets are committed every `commit_interval` seconds, on revocation and on stop, up to the first unfinished
    record of each partition. After a crash the records finished since then come again.

    The handler raises TryLater to be called again, after a pause, with what is not finished of the batch; Refused or
    BadRecord when a record can never be handled: the batch is halved down to that record, which goes to its
    dead-letter topic and then counts as finished. Any other error, pinned on one record, ends the stage; a record
    that has done so `quarantine_after` times, over restarts and whoever owned the partition, becomes a dead letter
    too, with an alarm. A handler that raises has kept none of the records it did not finish.

    `on_assigned` runs before the first record of an assignment is handed out, `on_revoked` when the last one has
    finished or the deadline is over and the offsets are committed: the places to take and release leases. It follows
    every `on_assigned`, also one that raised or was cancelled, and has 5 s. Both may raise TryLater: the first is then
    called again, the second is not. On revocation the handler has two thirds of `rebalance_timeout` to return and to
    finish; then it is cancelled.
    """

    def __init__(
        self,
        *,
        connection: KafkaSettings,
        group: str,
        topics: Sequence[str],
        decode: Decode[E],
        handle: AtLeastOnceHandler[E],
        dead_letter_topic: Callable[[str], str],
        clock: Clock,
        metrics: KafkaMetrics,
        max_batch: int = 500,
        linger: float = 0.0,
        max_unfinished: int = 5000,
        per_partition: bool = False,
        commit_interval: float = 0.2,
        on_assigned: PartitionsHook | None = None,
        on_revoked: PartitionsHook | None = None,
        dead_letter_limit: DeadLetterLimit = DEFAULT_LIMIT,
        quarantine_after: int = QUARANTINE_AFTER,
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
        self._max_unfinished = max_unfinished
        self._per_partition = per_partition
        self._commit_interval = commit_interval
        self._on_assigned = on_assigned
        self._on_revoked = on_revoked
        self._random = random or Random()
        cluster = cluster or AioCluster(connection)
        self._dead_letter_limit = dead_letter_limit
        self._quarantine_after = quarantine_after
        self._verdicts: dict[TopicPartition, DeadLetterCount] = {}
        self._sender = Sender(connection=connection, clock=clock, metrics=metrics, cluster=cluster)
        arrived = asyncio.Event()
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
            cluster=cluster,
            stage=self,
            new_event=asyncio.Event if per_partition else lambda: arrived,
            clock=clock,
            metrics=metrics,
        )
        self._dead_letters = DeadLetters(group, dead_letter_topic, self._intake.partition_count, clock, metrics)
        self._workers = Workers(self._intake.fail)
        self._committer = Workers(self._intake.fail)
        self._tenure = Tenure((), 0)

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
        """Wait for unfinished records for at most `deadline` seconds, commit what is finished, leave the group."""
        await self._intake.stop(deadline)
        await self._sender.stop(0.0)

    def health(self) -> Health:
        """How it is now."""
        return self._intake.health()

    def assigned(self, shares: Sequence[Share]) -> None:
        """A new tenure."""
        self._tenure = Tenure(shares, self._max_unfinished)
        self._verdicts = {share.partition: DeadLetterCount(self._dead_letter_limit) for share in shares}
        if shares:
            self._workers.start(self._begin(self._tenure))

    async def revoked(self, deadline: float) -> None:
        """Hand out no more, let what is handed out finish, commit, and only then let go."""
        end = self._clock.monotonic() + deadline
        tenure = self._tenure
        tenure.close()
        await self._workers.finish(deadline)
        with suppress(TimeoutError):
            async with asyncio.timeout(max(end - self._clock.monotonic(), 0.0)):
                await tenure.drained()
        await self._committer.finish(0.0)
        if len(tenure):
            _log.warning("kafka_records_unfinished", group=self._group, count=len(tenure))
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_COMMIT):
                await self._commit(tenure)
        tenure.end()
        if self._on_revoked is not None:
            try:
                async with asyncio.timeout(_GIVE_UP):
                    await self._on_revoked(frozenset(share.partition for share in tenure.shares))
            except (TryLater, TimeoutError) as error:
                _log.warning("kafka_release_failed", group=self._group, error=describe(error))

    async def _begin(self, tenure: Tenure) -> None:
        """Take leases, find positions, start to work."""
        hook, shares = self._on_assigned, tenure.shares
        partitions = frozenset(share.partition for share in shares)
        if hook is not None and not await self._patiently(lambda: hook(partitions), shares):
            return
        for share in shares:
            if not await self._patiently(share.start, [share]) or not share.ready:
                return
            tenure.start(share)
        for group in [[share] for share in shares] if self._per_partition else [shares]:
            self._workers.start(self._work(tenure, group))
        self._committer.start(self._commit_regularly(tenure))

    async def _work(self, tenure: Tenure, shares: Sequence[Share]) -> None:
        """Batch after batch, until the shares are closed."""
        sizes = self._metrics.batch_records.labels(self._group)
        seconds = self._metrics.batch_seconds.labels(self._group)
        turn = 0
        while (taken := await self._next(tenure, [*shares[turn:], *shares[:turn]])) is not None:
            turn = (turn + 1) % len(shares)
            started = self._clock.monotonic()
            records = [record for _, part in taken for record in part]
            attempt: Attempt[E, None] = Attempt(records, self._decode)
            if not await self._handled(attempt, tenure, shares):
                return
            if attempt.rejected:
                await self._bury(taken, attempt, tenure)
            else:
                for share, part in taken:
                    self._verdicts[share.partition].good(len(part))
            sizes.observe(len(records))
            seconds.observe(self._clock.monotonic() - started)

    async def _next(self, tenure: Tenure, shares: Sequence[Share]) -> Taken | None:
        """The next batch, as soon as there is one, there is room for it and `linger` is over; None at the end."""
        while await tenure.has_room():
            waiting = sum(map(len, shares))
            if waiting:
                if self._linger and waiting < self._max_batch:
                    await asyncio.sleep(self._linger)
                left = min(self._max_batch, tenure.room)
                taken = []
                for share in shares:
                    if part := tenure.take(share, left):
                        taken.append((share, part))
                        left -= len(part)
                self._metrics.unfinished.labels(self._group).set(len(tenure))
                return taken
            shares[0].arrived.clear()
            await shares[0].arrived.wait()
        return None

    async def _handled(self, attempt: Attempt[E, None], tenure: Tenure, shares: Sequence[Share]) -> bool:
        """Run the handler until it has taken the batch. False when it still asked for patience at the end."""
        untouched = True

        async def handle(part: Sequence[Received[E]]) -> None:
            nonlocal untouched
            if not untouched:
                part = [received for received in part if tenure.unfinished(received.record)]
            untouched = False
            if part:
                await self._handle(part, tenure.finish)

        while True:
            try:
                return await self._patiently(lambda: attempt.run(handle), shares)
            except Poison as poison:
                self._strike(attempt, poison, shares)

    def _strike(self, attempt: Attempt[E, None], poison: Poison, shares: Sequence[Share]) -> None:
        """End the process, and have it remembered with the last commit; or quarantine the record."""
        record = poison.record
        (share,) = (each for each in shares if each.partition == (record.topic, record.partition))
        strikes = share.strike(record.offset)
        if strikes < self._quarantine_after:
            raise poison
        attempt.quarantine(record, strikes)
        self._metrics.quarantined.labels(self._group, *share.partition).inc()
        _log.error("kafka_record_quarantined", place=f"{share.partition} offset {record.offset}", detail=poison.detail)

    async def _bury(self, taken: Taken, attempt: Attempt[E, None], tenure: Tenure) -> None:
        """Move rejected records to their dead-letter topics, unless there are too many of them."""
        for share, part in taken:
            verdicts = self._verdicts[share.partition] = self._verdicts[share.partition].after(
                part, attempt.dead_offsets(share.partition)
            )
            if verdicts.exceeded:
                share.halt(Pause.DEAD_LETTERS)
                tenure.abandon(share)
                _log.error("kafka_too_many_dead_letters", group=self._group, partition=str(share.partition))
        burying = [each for each in attempt.rejected if tenure.unfinished(each.record)]
        letters = self._dead_letters.outputs(burying)
        shares = [share for share, _ in taken]
        if await self._patiently(lambda: self._sender.send(letters, limit=DEAD_LETTER_BYTES), shares):
            for each in burying:
                tenure.finish_record(each.record)

    async def _patiently(self, call: Callable[[], Awaitable[None]], shares: Sequence[Share]) -> bool:
        """Repeat a call until it does not ask for patience. False when the shares were closed meanwhile."""
        backoff = Backoff(self._random)
        while True:
            try:
                await call()
            except TryLater as error:
                _log.warning("kafka_stage_waits", group=self._group, code=error.code)
                for share in shares:
                    self._metrics.retries.labels(self._group, *share.partition).inc()
                    share.trouble = share.trouble or Pause.RETRYING
                await shares[0].sleep(backoff.pause())
                if shares[0].closed:
                    return False
            else:
                for share in shares:
                    if share.trouble is Pause.RETRYING:
                        share.trouble = None
                return True

    async def _commit_regularly(self, tenure: Tenure) -> None:
        while True:
            await asyncio.sleep(self._commit_interval)
            await self._commit(tenure)

    async def _commit(self, tenure: Tenure) -> None:
        """Commit what is ahead. A failure is left to the next time: until then a crash repeats more."""
        marks = tenure.committable()
        if not marks:
            return
        try:
            await self._intake.consumer.commit(marks)
        except TryLater as error:
            self._metrics.commit_failures.labels(self._group).inc()
            _log.warning("kafka_commit_failed", group=self._group, detail=error.detail)
            return
        for share in tenure.shares:
            share.mark = marks.get(share.partition, share.mark)
