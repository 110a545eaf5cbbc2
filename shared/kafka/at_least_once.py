"""At least once from topics to anywhere: an offset is committed only behind finished work."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Generic

from shared.clock import Clock
from shared.kafka.aio import AioCluster
from shared.kafka.dead_letters import DEFAULT_LIMIT, QUARANTINE_AFTER, DeadLetterLimit
from shared.kafka.intake import Intake
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.port import Assignor, Cluster
from shared.kafka.record import Decode, E
from shared.kafka.retries import RetryPlan, SetAside, Tier
from shared.kafka.runner import Runner
from shared.kafka.sending import Sender
from shared.kafka.settings import KafkaSettings
from shared.kafka.share_stage import PartitionsHook, ShareStage
from shared.kafka.share_worker import AtLeastOnceHandler, Finish, ShareJob
from shared.kafka.tenure import Finishing

__all__ = ["AtLeastOnceHandler", "AtLeastOnceRunner", "Finish", "Finishing", "PartitionsHook"]


class AtLeastOnceRunner(Runner, Generic[E]):
    """Runs one handler over the partitions of some topics; every record is finished at least once.

    The handler gets a batch and a function `finish`, which it calls for each record when its work is durable: before it
    returns or long after, in any order, from any task of the same loop. It returns when it can take the next batch:
    that is the back-pressure. One that has not returned after `handle_timeout` seconds hangs: the stage ends (`wait`
    raises Fatal), and its records come one by one at the next start; None is for who may have to wait for an operator,
    or a customer's endpoint, for as long as it takes. Beyond `max_unfinished` records nothing is handed out. A batch
    spans the partitions of the consumer, the oldest records first by their timestamps (use LogAppendTime: a writer
    whose clock is slow would go before all others); with `per_partition` each partition has its batches for itself,
    concurrently. Within a partition the order is kept.

    The reader rests for `rest` seconds whenever it has read what there was: for who is in no hurry.

    Offsets are committed every `commit_interval` seconds, on revocation and on stop, up to the first unfinished
    record of each partition. After a crash the records finished since then come again.

    The handler raises TryLater to be called again, after a pause, with what is not finished of the batch; Refused or
    BadRecord when a record can never be handled: the batch is halved down to that record, which goes to its dead-letter
    topic and then counts as finished. With `retries`, Postponed likewise moves a single record to the next retry topic,
    acknowledged before its offset passes; from there it comes to the same handler when it is due (with `record` as it
    lies on the retry topic). Any other error, or a hang, pinned on one record ends the stage; one that has done so
    `quarantine_after` times, over restarts and whoever owned the partition, becomes a dead letter too, with an alarm. A
    handler that raises has kept none of the records it did not finish.

    `on_assigned` runs before the first record of an assignment is handed out, `on_revoked` when the last one has
    finished or the deadline is over and the offsets are committed: the places to take and release leases. It follows
    every `on_assigned`, also one that raised or was cancelled, and has 5 s. Both may raise TryLater: the first is then
    called again, the second is not. On revocation the handler has two thirds of `rebalance_timeout` to return and to
    finish; then it is cancelled. One that waits for something that may be down looks at `finish.closing` meanwhile,
    and gives back what it has not begun: nobody waits for that.
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
        handle_timeout: float | None = 300.0,
        max_unfinished: int = 5000,
        per_partition: bool = False,
        commit_interval: float = 0.2,
        on_assigned: PartitionsHook | None = None,
        on_revoked: PartitionsHook | None = None,
        retries: RetryPlan | None = None,
        dead_letter_limit: DeadLetterLimit = DEFAULT_LIMIT,
        quarantine_after: int = QUARANTINE_AFTER,
        requires: Mapping[str, int] | None = None,
        partition_assignment: Assignor = "roundrobin",
        group_instance_id: str | None = None,
        stall_after: float = 60.0,
        rest: float = 0.0,
        cluster: Cluster | None = None,
        random: Random | None = None,
    ) -> None:
        cluster = cluster or AioCluster(connection)
        sender = self._sender = Sender(connection=connection, clock=clock, metrics=metrics, cluster=cluster)

        def stage(tier: Tier, intake: Intake, aside: SetAside) -> ShareStage[E]:
            job = ShareJob(
                group=tier.group,
                decode=tier.decoding(decode),
                handle=handle,
                max_batch=max_batch,
                linger=linger,
                handle_timeout=handle_timeout,
                quarantine_after=quarantine_after,
                dead_letter_limit=dead_letter_limit,
                aside=aside,
                sender=sender,
                clock=clock,
                metrics=metrics,
                random=random or Random(),
            )
            return ShareStage(
                job,
                intake,
                max_unfinished=max_unfinished,
                per_partition=per_partition,
                commit_interval=commit_interval,
                on_assigned=on_assigned,
                on_revoked=on_revoked,
            )

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
            one_arrival=not per_partition,
            stall_after=stall_after,
            rest=rest,
            clock=clock,
            metrics=metrics,
        )

    async def stop(self, deadline: float) -> None:
        """Wait for unfinished records for at most `deadline` seconds, commit what is finished, leave the group."""
        await super().stop(deadline)
        await self._sender.stop(0.0)
