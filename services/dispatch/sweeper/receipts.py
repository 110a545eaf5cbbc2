"""Receipts that name an attempt nobody knows the outcome of: the operator took it, whatever was heard of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Final

from services.dispatch.sender.ledger import AttemptKey, attempt_key
from services.dispatch.unknowns.store import Unknown
from shared.contracts import topics
from shared.contracts.codec import only
from shared.contracts.events import OperatorReceipt
from shared.errors import BadRecord, TryLater
from shared.ids import partition_of
from shared.kafka.aio import AioCluster
from shared.kafka.port import Cluster, Consumer
from shared.kafka.record import Record, TopicPartition
from shared.kafka.settings import KafkaSettings

_POLL: Final = 0.5
_RECORDS: Final = 2000
_CLOSE: Final = 2.0
_MARGIN: Final = timedelta(seconds=10)
"""By so much the broker's clock may be behind a sender's."""

_read = partial(only, OperatorReceipt)


class ReceiptReader:
    """Reads `sms.receipts` from when the attempts were begun, without a group, and only when there is something to
    ask: a consumer that follows the topic would cost every message something for the sake of a few.

    A sender that dies between an answer and its outcome has perhaps relayed the receipt already.
    """

    def __init__(self, connection: KafkaSettings, partitions: int, cluster: Cluster | None = None) -> None:
        self._cluster = cluster or AioCluster(connection)
        self._timeout = connection.start_timeout
        self._partitions = partitions

    async def naming(self, rows: Sequence[Unknown]) -> Mapping[AttemptKey, OperatorReceipt]:
        """The first receipt that names each of these attempts, for those that have one. Raises `TryLater`."""
        wanted: dict[AttemptKey, AttemptKey] = {}
        messages: set[bytes] = set()
        since: dict[TopicPartition, int] = {}
        for row in rows:
            message_id = row.order.message.message_id
            messages.add(message_id.encode())
            wanted |= {attempt_key(message_id, part, row.attempt): row.key for part in row.parts}
            place = TopicPartition(topics.RECEIPTS, partition_of(message_id, self._partitions))
            began = int((row.since - _MARGIN).timestamp() * 1000)
            since[place] = min(began, since.get(place, began))
        found: dict[AttemptKey, OperatorReceipt] = {}
        for record in await self._records(since, messages):
            try:
                receipt = _read(record)
            except BadRecord:
                continue  # a dead letter of whoever reads the topic in earnest
            key = wanted.get(attempt_key(receipt.message_id or "", receipt.part, receipt.attempt))
            if key is not None:
                found.setdefault(key, receipt)
        return found

    async def _records(self, since: Mapping[TopicPartition, int], messages: set[bytes]) -> Sequence[Record]:
        """The records of these messages, from those times to the end as it is now."""
        consumer = self._cluster.reader()
        try:
            async with asyncio.timeout(self._timeout):
                await consumer.start()
            consumer.assign(list(since))
            return await self._read_through(consumer, since, messages)
        except TimeoutError:
            raise TryLater("kafka_not_read", "no connection within start_timeout") from None
        finally:
            await consumer.close(_CLOSE)

    async def _read_through(
        self, consumer: Consumer, since: Mapping[TopicPartition, int], messages: set[bytes]
    ) -> Sequence[Record]:
        ends = await consumer.end(list(since))
        at = {place: await consumer.offset_at(place, began) for place, began in since.items()}
        for place, offset in at.items():
            consumer.seek(place, offset)
        found: list[Record] = []
        while any(at[place] < ends[place] for place in since):
            for place, fetched in (await consumer.poll(_POLL, _RECORDS)).items():
                found += [record for record in fetched.records if record.key in messages]
                at[place] = fetched.position
        return found
