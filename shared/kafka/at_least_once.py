"""At least once from topics to anywhere: an offset is committed only behind finished work."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from random import Random
from typing import Generic, TypeAlias

from shared.clock import Clock
from shared.errors import TryLater
from shared.kafka.ages import Ages
from shared.kafka.aio import AioCluster
from shared.kafka.dead_letters import DEFAULT_LIMIT, QUARANTINE_AFTER, DeadLetterLimit, DeadLetters
from shared.kafka.health import Health
from shared.kafka.intake import Intake, Reading
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.port import Assignor, Cluster
from shared.kafka.record import Decode, E, TopicPartition
from shared.kafka.sending import Sender
from shared.kafka.settings import KafkaSettings
from shared.kafka.share import Bounds, Share
from shared.kafka.share_worker import AtLeastOnceHandler, Finish, ShareJob, ShareWorker, patiently
from shared.kafka.tenure import Tenure
from shared.kafka.workers import Workers, describe
from shared.telemetry.logs import get_log

_log = get_log()

__all__ = ["AtLeastOnceHandler", "AtLeastOnceRunner", "Finish", "PartitionsHook"]

PartitionsHook: TypeAlias = Callable[[frozenset[TopicPartition]], Awaitable[None]]

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
        self._max_unfinished = max_unfinished
        self._per_partition = per_partition
        self._commit_interval = commit_interval
        self._on_assigned = on_assigned
        self._on_revoked = on_revoked
        cluster = cluster or AioCluster(connection)
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
        self._job = ShareJob(
            group=group,
            decode=decode,
            handle=handle,
            max_batch=max_batch,
            linger=linger,
            quarantine_after=quarantine_after,
            dead_letter_limit=dead_letter_limit,
            dead_letters=DeadLetters(group, dead_letter_topic, self._intake.partition_count, clock, metrics),
            sender=Sender(connection=connection, clock=clock, metrics=metrics, cluster=cluster),
            clock=clock,
            metrics=metrics,
            random=random or Random(),
        )
        self._workers = Workers(self._intake.fail)
        self._committer = Workers(self._intake.fail)
        self._ages = Ages(group, clock, metrics)
        self._tenure = Tenure((), 0, self._ages.finished)
        metrics.unfinished.labels(group).set_function(lambda: len(self._tenure))

    @property
    def name(self) -> str:
        """The group: name in logs and probes."""
        return self._job.group

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
        await self._job.sender.stop(0.0)

    def health(self) -> Health:
        """How it is now."""
        return self._intake.health()

    def assigned(self, shares: Sequence[Share]) -> None:
        """A new tenure."""
        self._tenure = Tenure(shares, self._max_unfinished, self._ages.finished)
        if shares:
            self._workers.start(self._begin(self._tenure))

    async def revoked(self, deadline: float) -> None:
        """Hand out no more, let what is handed out finish, commit, and only then let go."""
        end = self._job.clock.monotonic() + deadline
        tenure = self._tenure
        tenure.close()
        await self._workers.finish(deadline)
        with suppress(TimeoutError):
            async with asyncio.timeout(max(end - self._job.clock.monotonic(), 0.0)):
                await tenure.drained()
        await self._committer.finish(0.0)
        if len(tenure):
            _log.warning("kafka_records_unfinished", group=self._job.group, count=len(tenure))
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_COMMIT):
                await self._commit(tenure)
        tenure.end()
        if self._on_revoked is not None:
            try:
                async with asyncio.timeout(_GIVE_UP):
                    await self._on_revoked(frozenset(share.partition for share in tenure.shares))
            except (TryLater, TimeoutError) as error:
                _log.warning("kafka_release_failed", group=self._job.group, error=describe(error))

    async def _begin(self, tenure: Tenure) -> None:
        """Take leases, find positions, start to work."""
        job, shares = self._job, tenure.shares
        patience = partial(patiently, group=job.group, metrics=job.metrics, random=job.random)
        hook, partitions = self._on_assigned, frozenset(share.partition for share in shares)
        if hook is not None and not await patience(lambda: hook(partitions), shares):
            return
        for share in shares:
            if not await patience(share.start, [share]) or not share.ready:
                return
            tenure.start(share)
        for together in [[share] for share in shares] if self._per_partition else [shares]:
            self._workers.start(ShareWorker(self._job, tenure, together).run())
        self._committer.start(self._commit_regularly(tenure))

    async def _commit_regularly(self, tenure: Tenure) -> None:
        while not tenure.over:
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
            self._job.metrics.commit_failures.labels(self._job.group).inc()
            _log.warning("kafka_commit_failed", group=self._job.group, detail=error.detail)
            return
        for share in tenure.shares:
            share.mark = marks.get(share.partition, share.mark)
