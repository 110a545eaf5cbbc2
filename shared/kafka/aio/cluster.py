"""Makes aiokafka clients."""

from __future__ import annotations

from shared.kafka.aio.admin import AioAdmin
from shared.kafka.aio.connection import mend
from shared.kafka.aio.consumer import AioConsumer
from shared.kafka.aio.producer import AioProducer, AioTransactionalProducer
from shared.kafka.port import Assignor
from shared.kafka.settings import KafkaSettings


class AioCluster:
    """One cluster, reached through aiokafka."""

    def __init__(self, settings: KafkaSettings) -> None:
        mend()
        self._settings = settings

    def consumer(self, group: str, *, assignor: Assignor, instance_id: str | None = None) -> AioConsumer:
        """A member of the group; with an instance id a static one, which keeps its partitions over a restart."""
        return AioConsumer(self._settings, group, assignor, instance_id)

    def reader(self) -> AioConsumer:
        """A consumer without a group."""
        return AioConsumer(self._settings, None, "roundrobin", None)

    def producer(self) -> AioProducer:
        """A plain idempotent producer."""
        return AioProducer(self._settings)

    def transactional_producer(self, transactional_id: str) -> AioTransactionalProducer:
        """A producer for one transactional id."""
        return AioTransactionalProducer(self._settings, transactional_id)

    def admin(self) -> AioAdmin:
        """A client for topics."""
        return AioAdmin(self._settings)
