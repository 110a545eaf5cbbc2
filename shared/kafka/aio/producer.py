"""Producers on aiokafka: prebuilt batches, idempotent, acknowledged by all replicas."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import cast

import aiokafka
from aiokafka import errors
from aiokafka.producer.message_accumulator import BatchBuilder

from shared.errors import Fatal, Refused
from shared.kafka.aio.common import address_of, ended, offsets_of, options
from shared.kafka.aio.errors import translated
from shared.kafka.port import MAX_RECORD_BYTES, Mark, Packed, ProducerLost, UnknownTopic
from shared.kafka.record import Output, TopicPartition
from shared.kafka.settings import KafkaSettings

BATCH_BYTES = 262_144
TRANSACTION_TIMEOUT = 30.0
_RETRY_BACKOFF_MS = 10
_REST = 0.003  # the broker asks for patience while it ends the last transaction, and the library then sleeps for 20 ms
_METADATA_TIMEOUT = 5.0


class AioPacked:
    """Batches in the order they are to be written."""

    def __init__(self, batches: Sequence[tuple[TopicPartition, BatchBuilder]], records: int) -> None:
        self.batches = batches
        self._records = records

    @property
    def records(self) -> int:
        """How many."""
        return self._records


class AioProducer:
    """A plain idempotent producer."""

    def __init__(self, settings: KafkaSettings, transactional_id: str | None = None) -> None:
        self._settings = settings
        self._transactional_id = transactional_id
        self._connected: aiokafka.AIOKafkaProducer | None = None

    @property
    def _producer(self) -> aiokafka.AIOKafkaProducer:
        if self._connected is None:
            raise ProducerLost("kafka_producer_closed", "the producer is not started, or closed")
        return self._connected

    async def start(self) -> None:
        """Connect; a transactional one fences all others of its id and ends their open transaction."""
        producer = aiokafka.AIOKafkaProducer(
            **options(self._settings),
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=BATCH_BYTES,
            retry_backoff_ms=_RETRY_BACKOFF_MS,
            transactional_id=self._transactional_id,
            transaction_timeout_ms=int(TRANSACTION_TIMEOUT * 1000),
        )
        self._connected = producer
        try:
            with translated(f"connect a producer to {address_of(self._settings)}"):
                async with asyncio.timeout(self._settings.start_timeout):
                    await producer.start()
        except BaseException:
            await self.close(self._settings.request_timeout)
            raise

    def pack(self, outputs: Sequence[Output], limit: int = MAX_RECORD_BYTES) -> AioPacked:
        """Encode, keeping the order per partition. Raises Refused for a record of more than `limit` bytes."""
        create_batch = self._producer.create_batch
        now_ms = int(time.time() * 1000)
        batches: list[tuple[TopicPartition, BatchBuilder]] = []
        open_batches: dict[tuple[str, int], BatchBuilder] = {}
        for output in outputs:
            place = (output.topic, output.partition)
            headers = list(output.headers)
            batch = open_batches.get(place)
            written = batch and batch.append(timestamp=now_ms, key=output.key, value=output.value, headers=headers)
            if not written:
                batch = open_batches[place] = create_batch()
                batches.append((TopicPartition(*place), batch))
                written = batch.append(timestamp=now_ms, key=output.key, value=output.value, headers=headers)
            if written.size > limit:
                raise Refused("record_too_large", f"{written.size} bytes for {output.topic}, at most {limit}")
        return AioPacked(batches, len(outputs))

    async def send(self, packed: Packed) -> None:
        """Write and wait until all is acknowledged."""
        with translated("send", ProducerLost):
            await self._written(cast("AioPacked", packed).batches)

    async def close(self, timeout: float) -> None:
        """Drop what was not sent and disconnect. Never raises."""
        producer, self._connected = self._connected, None
        if producer is None:
            return
        # `stop` would wait for the cluster to take what is left, for ever if need be: end the parts one by one.
        await ended(producer._sender.close(), timeout / 2)
        producer._message_accumulator.fail_all(errors.ProducerClosed())
        _retrieve_failures(producer)
        await ended(producer.client.close(), timeout / 2)
        producer._closed = True

    async def _written(self, batches: Sequence[tuple[TopicPartition, BatchBuilder]]) -> None:
        """Hand the batches over and wait for their acknowledgements."""
        producer = self._producer
        for topic, partition in dict.fromkeys(place for place, _ in batches):
            await self._check(topic, partition)
        acknowledged: list[asyncio.Future[object]] = []
        try:
            for place, batch in batches:
                acknowledged.append(await producer.send_batch(batch, place.topic, partition=place.partition))
            await (acknowledged[0] if len(acknowledged) == 1 else asyncio.gather(*acknowledged))
        finally:
            for waiting in acknowledged:
                waiting.cancel()

    async def _check(self, topic: str, partition: int) -> None:
        """Refuse a place that does not exist before anything is written: the library would retry it for long."""
        known = self._producer.client.cluster.partitions_for_topic(topic)
        if known is None:
            try:
                async with asyncio.timeout(_METADATA_TIMEOUT):
                    known = await self._producer.partitions_for(topic)
            except (errors.UnknownTopicOrPartitionError, TimeoutError):
                raise UnknownTopic(topic) from None
        if partition not in known:
            raise Fatal("kafka_unknown_partition", f"{topic} has {len(known)} partitions, none numbered {partition}")


class AioTransactionalProducer(AioProducer):
    """A producer for one transactional id."""

    def __init__(self, settings: KafkaSettings, transactional_id: str) -> None:
        super().__init__(settings, transactional_id)
        self._rested_at = 0.0

    async def begin(self) -> None:
        """Begin, once the broker has had time to end the last one."""
        rest = self._rested_at - time.monotonic()
        if rest > 0:
            await asyncio.sleep(rest)
        with translated("begin a transaction", ProducerLost):
            await self._producer.begin_transaction()

    async def write(self, packed: Sequence[Packed], marks: Mapping[TopicPartition, Mark], group: str) -> None:
        """Records, then offsets.

        Side by side they would be slower: while the coordinator adds the group to the transaction it answers the
        broker that verifies the records with "concurrent transactions", and the client waits before it tries again.
        """
        batches = [batch for part in packed for batch in cast("AioPacked", part).batches]
        with translated("write in a transaction", ProducerLost):
            await self._written(batches)
            if marks:
                await self._producer.send_offsets_to_transaction(offsets_of(marks), group)

    async def commit(self) -> None:
        """All or nothing."""
        with translated("commit a transaction", ProducerLost):
            await self._producer.commit_transaction()
        self._rested_at = time.monotonic() + _REST

    async def abort(self) -> None:
        """Undo."""
        with translated("abort a transaction", ProducerLost):
            await self._producer.abort_transaction()


def _retrieve_failures(producer: aiokafka.AIOKafkaProducer) -> None:
    """Look at the errors that the library keeps for nobody: asyncio reports those that are never looked at."""
    manager, accumulator = producer._txn_manager, producer._message_accumulator
    waiting = [batch._drain_waiter for batches in accumulator._batches.values() for batch in batches]
    for waiter in (manager._transaction_waiter, *waiting):
        if waiter is not None and waiter.done() and not waiter.cancelled():
            waiter.exception()
