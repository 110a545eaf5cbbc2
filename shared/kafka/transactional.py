"""Exactly once from topics to topics: a batch's outputs and its offsets in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Generic

from shared.clock import Clock
from shared.kafka.aio import AioCluster
from shared.kafka.dead_letters import DEFAULT_LIMIT, QUARANTINE_AFTER, DeadLetterLimit, DeadLetters
from shared.kafka.health import Health
from shared.kafka.intake import Intake, Reading
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.partition_worker import Job, PartitionWorker, TransactionalHandler
from shared.kafka.port import Assignor, Cluster
from shared.kafka.record import Decode, E
from shared.kafka.settings import KafkaSettings
from shared.kafka.share import Bounds, Share
from shared.kafka.workers import Workers
from shared.telemetry.logs import get_log

_log = get_log()


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
    handler that takes longer than `handle_timeout` seconds. A record that has done so `quarantine_after` times, over
    restarts and whoever owned the partition, becomes a dead letter too, with an alarm.
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
        quarantine_after: int = QUARANTINE_AFTER,
        requires: Mapping[str, int] | None = None,
        partition_assignment: Assignor = "roundrobin",
        group_instance_id: str | None = None,
        stall_after: float = 60.0,
        cluster: Cluster | None = None,
        random: Random | None = None,
    ) -> None:
        cluster = cluster or AioCluster(connection)
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
            new_event=asyncio.Event,
            clock=clock,
            metrics=metrics,
        )
        self._workers = Workers(self._intake.fail)
        self._job = Job(
            group=group,
            decode=decode,
            handle=handle,
            max_batch=max_batch,
            linger=linger,
            handle_timeout=handle_timeout,
            fenced_pause=2 * connection.heartbeat_interval,
            quarantine_after=quarantine_after,
            dead_letter_limit=dead_letter_limit,
            dead_letters=DeadLetters(group, dead_letter_topic, self._intake.partition_count, clock, metrics),
            cluster=cluster,
            clock=clock,
            metrics=metrics,
            random=random or Random(),
        )

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
        """Finish the running batches within `deadline` seconds, or abort them, and leave the group."""
        await self._intake.stop(deadline)

    def health(self) -> Health:
        """How it is now."""
        return self._intake.health()

    def assigned(self, shares: Sequence[Share]) -> None:
        """One worker per partition."""
        for share in shares:
            self._workers.start(PartitionWorker(self._job, share).run())

    async def revoked(self, deadline: float) -> None:
        """Let the running transactions end; cut off, hence abort, those that do not in time."""
        await self._workers.finish(deadline)
