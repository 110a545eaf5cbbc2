"""Writes records outside a transaction: the door, the relays, and stages that finish their records elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from shared.clock import Clock
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.port import Cluster
from shared.kafka.record import Output
from shared.kafka.settings import KafkaSettings


class Sender:
    """One idempotent producer, acknowledged by all replicas, shared by any number of tasks.

    Records of one call that go to the same partition are written in their order, as few prebuilt batches as fit.
    Gather before you send: a call of a hundred records costs little more than a call of one.
    """

    def __init__(
        self, *, connection: KafkaSettings, clock: Clock, metrics: KafkaMetrics, cluster: Cluster | None = None
    ) -> None: ...

    async def start(self) -> None:
        """Connect. Raises TryLater when the cluster does not answer within `start_timeout`."""

    async def stop(self, deadline: float) -> None:
        """Refuse new sends, wait for running ones for at most `deadline` seconds, disconnect."""

    async def send(self, outputs: Sequence[Output], *, deadline: float = 10.0) -> None:
        """Return when every record is acknowledged by all replicas.

        Raises Refused (`record_too_large`) before anything is written; TryLater after `deadline` seconds or when the
        producer failed: some, all or none may have been written, and the caller may repeat the whole call.
        """
