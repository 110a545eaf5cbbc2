"""What an at-least-once stage does with an assignment: leases, positions, workers, commits, and the way back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Generic, TypeAlias

from shared.errors import TryLater
from shared.kafka.ages import Ages
from shared.kafka.intake import Intake
from shared.kafka.record import E, TopicPartition
from shared.kafka.share import Share
from shared.kafka.share_worker import ShareJob, ShareWorker, patiently
from shared.kafka.tenure import Tenure
from shared.kafka.workers import Workers, describe
from shared.telemetry.logs import get_log

_log = get_log()

PartitionsHook: TypeAlias = Callable[[frozenset[TopicPartition]], Awaitable[None]]

_LAST_COMMIT = 3.0
_GIVE_UP = 5.0


class ShareStage(Generic[E]):
    """Works on one tenure after the other."""

    def __init__(
        self,
        job: ShareJob[E],
        intake: Intake,
        *,
        max_unfinished: int,
        per_partition: bool,
        commit_interval: float,
        on_assigned: PartitionsHook | None,
        on_revoked: PartitionsHook | None,
    ) -> None:
        self._job = job
        self._intake = intake
        self._max_unfinished = max_unfinished
        self._per_partition = per_partition
        self._commit_interval = commit_interval
        self._on_assigned = on_assigned
        self._on_revoked = on_revoked
        self._workers = Workers(intake.fail)
        self._committer = Workers(intake.fail)
        self._ages = Ages(job.group, job.clock, job.metrics)
        self._tenure = Tenure((), 0, self._ages.finished)
        job.metrics.unfinished.labels(job.group).set_function(lambda: len(self._tenure))

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
