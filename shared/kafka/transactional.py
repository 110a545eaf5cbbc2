"""Exactly once from topics to topics: a batch's outputs and its offsets in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Generic

from shared.clock import Clock
from shared.kafka.aio import AioCluster
from shared.kafka.dead_letters import DEFAULT_LIMIT, QUARANTINE_AFTER, DeadLetterLimit
from shared.kafka.intake import Intake
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.partition_worker import Job, PartitionWorker, TransactionalHandler
from shared.kafka.port import Assignor, Cluster
from shared.kafka.record import Decode, E
from shared.kafka.retries import RetryPlan, SetAside, Tier
from shared.kafka.runner import Runner
from shared.kafka.settings import KafkaSettings
from shared.kafka.share import Share
from shared.kafka.workers import Workers


class TransactionalRunner(Runner, Generic[E]):
    """Runs one handler over the partitions of some topics, exactly once from Kafka to Kafka.

    Each partition has a worker and a transactional producer of its own, id `<group>.<topic>.<partition>`: whoever
    starts that producer fences every earlier owner and ends its open transaction *before* reading the committed
    offset, so a worker that wakes up late cannot commit (aiokafka sends no group generation with the offsets, so the
    group alone would not stop it). Keep to about 12 input partitions per process.

    Per batch: decode, handle, encode; begin, write outputs and offsets, commit. The next batch begins when the last
    one ended and nothing came for `linger` seconds, 2.5 times as long at most, unless `max_batch` records wait: a
    transaction costs 1.5 ms of CPU here and 4 in the broker, however small it is. Whatever fails inside a transaction
    ends the same way: a new producer with the same id, then back to the committed offset. So the handler may see
    records again, and must not keep effects of its own that a repeat would double.

    The handler raises TryLater to be called again after a pause with the same records; Refused or BadRecord when a
    record can never be handled: the batch is halved down to that record, which goes to its dead-letter topic in the
    same transaction. With `retries`, Postponed likewise moves a single record to the next retry topic; from there it
    comes to the same handler when it is due (with `record` as it lies on the retry topic). Any other error, pinned on
    a single record, ends the stage (`wait` raises Fatal), as does a handler that takes longer than `handle_timeout`
    seconds. A record that has done so `quarantine_after` times, over restarts and whoever owned the partition, becomes
    a dead letter too, with an alarm.
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
        retries: RetryPlan | None = None,
        dead_letter_limit: DeadLetterLimit = DEFAULT_LIMIT,
        quarantine_after: int = QUARANTINE_AFTER,
        requires: Mapping[str, int] | None = None,
        partition_assignment: Assignor = "roundrobin",
        group_instance_id: str | None = None,
        stall_after: float = 60.0,
        cluster: Cluster | None = None,
        random: Random | None = None,
    ) -> None:
        cluster = cluster or AioCluster(connection)

        def stage(tier: Tier, intake: Intake, aside: SetAside) -> TransactionalStage[E]:
            job = Job(
                group=tier.group,
                decode=tier.decoding(decode),
                handle=handle,
                max_batch=max_batch,
                linger=linger,
                handle_timeout=handle_timeout,
                fenced_pause=2 * connection.heartbeat_interval,
                quarantine_after=quarantine_after,
                dead_letter_limit=dead_letter_limit,
                aside=aside,
                cluster=cluster,
                clock=clock,
                metrics=metrics,
                random=random or Random(),
            )
            return TransactionalStage(job, intake)

        super().__init__(
            stage,
            connection=connection,
            cluster=cluster,
            group=group,
            topics=topics,
            dead_letter_topic=dead_letter_topic,
            retries=retries,
            requires=requires,
            partition_assignment=partition_assignment,
            group_instance_id=group_instance_id,
            max_batch=max_batch,
            one_arrival=False,
            stall_after=stall_after,
            clock=clock,
            metrics=metrics,
        )


class TransactionalStage(Generic[E]):
    """One worker per partition."""

    def __init__(self, job: Job[E], intake: Intake) -> None:
        self._job = job
        self._workers = Workers(intake.fail)

    def assigned(self, shares: Sequence[Share]) -> None:
        """Begin to work on these."""
        for share in shares:
            self._workers.start(PartitionWorker(self._job, share).run())

    async def revoked(self, deadline: float) -> None:
        """Let the running transactions end; cut off, hence abort, those that do not in time."""
        await self._workers.finish(deadline)
