"""The port on aiokafka 0.14. Its errors are translated here and nowhere else."""

from __future__ import annotations

from shared.kafka.port import Admin, Assignor, Consumer, Producer, TransactionalProducer
from shared.kafka.settings import KafkaSettings


class AioCluster:
    """Makes aiokafka clients for one cluster."""

    def __init__(self, settings: KafkaSettings) -> None: ...

    def consumer(self, group: str, *, assignor: Assignor, instance_id: str | None = None) -> Consumer:
        """A member of the group."""
        ...

    def producer(self) -> Producer:
        """A plain idempotent producer."""
        ...

    def transactional_producer(self, transactional_id: str) -> TransactionalProducer:
        """A producer for one transactional id."""
        ...

    def admin(self) -> Admin:
        """A client for topics."""
        ...
