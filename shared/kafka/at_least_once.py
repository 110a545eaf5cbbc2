"""At least once from topics to anywhere: an offset is committed only behind finished work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from random import Random
from typing import Generic, TypeAlias

from shared.clock import Clock
from shared.kafka.dead_letters import DEFAULT_LIMIT, DeadLetterLimit
from shared.kafka.health import Health
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.port import Assignor, Cluster
from shared.kafka.record import Decode, E, EventT, Received, TopicPartition
from shared.kafka.settings import KafkaSettings

Finish: TypeAlias = Callable[[Received[EventT]], None]
AtLeastOnceHandler: TypeAlias = Callable[[Sequence[Received[EventT]], Finish[EventT]], Awaitable[None]]
PartitionsHook: TypeAlias = Callable[[frozenset[TopicPartition]], Awaitable[None]]


class AtLeastOnceRunner(Generic[E]):
    """Runs one handler over the partitions of some topics; every record is finished at least once."""

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
        requires: Mapping[str, int] | None = None,
        assignor: Assignor = "range",
        instance_id: str | None = None,
        cluster: Cluster | None = None,
        random: Random | None = None,
    ) -> None: ...

    @property
    def name(self) -> str:
        """The group: name in logs and probes."""
        ...

    async def start(self) -> None:
        """Check the topics and join the group. Raises BadSettings naming what is wrong, within `start_timeout`."""

    async def wait(self) -> None:
        """Return when stopped; raise the error that ended the stage."""

    async def stop(self, deadline: float) -> None:
        """Wait for unfinished records for at most `deadline` seconds, commit what is finished, leave the group."""

    def health(self) -> Health:
        """How it is now."""
        ...
