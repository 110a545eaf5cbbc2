"""Reads the topics of accepted messages without a group: how far they go, and what lies behind a position."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from services.ingest.screening.rules.monthly_cap import month_of
from services.ingest.screening.snapshots import Used
from shared.contracts.topics import accepted
from shared.contracts.words import Lane
from shared.errors import TryLater
from shared.ids import AccountId, MessageId
from shared.kafka.aio import AioCluster
from shared.kafka.port import Cluster, Consumer
from shared.kafka.record import Record, TopicPartition
from shared.kafka.settings import KafkaSettings

_POLL: Final = 0.5
_RECORDS: Final = 2000
_CLOSE: Final = 2.0


class _Accepted(msgspec.Struct, frozen=True, gc=False):
    """What counting needs of a `MessageAccepted`."""

    message_id: MessageId
    account_id: AccountId
    requested_at: datetime


class AcceptedReader:
    """A consumer for each call: both are seldom."""

    def __init__(self, connection: KafkaSettings, partitions: int, cluster: Cluster | None = None) -> None:
        self._connection = connection
        self._cluster = cluster or AioCluster(connection)
        self._partitions = [TopicPartition(accepted(lane), number) for lane in Lane for number in range(partitions)]
        self._decode = msgspec.json.Decoder(_Accepted).decode

    async def ends(self) -> dict[str, int]:
        """How far each partition goes now, by `<topic>[<partition>]`. Raises `TryLater`."""
        async with _Reading(self._cluster, self._connection, self._partitions) as consumer:
            ends = await consumer.end(self._partitions)
        return {str(partition): ends[partition] for partition in self._partitions}

    async def since(self, positions: Mapping[str, int]) -> Used:
        """Count what lies from these positions to the end as it is now. Raises `TryLater`."""
        used: Used = {}
        counted: set[MessageId] = set()
        async with _Reading(self._cluster, self._connection, self._partitions) as consumer:
            ends = await consumer.end(self._partitions)
            at: dict[TopicPartition, int] = {}
            for partition in self._partitions:
                start = max(positions.get(str(partition), 0), await consumer.beginning(partition))
                at[partition] = start
                consumer.seek(partition, start)
            while any(at[partition] < ends[partition] for partition in self._partitions):
                for partition, fetched in (await consumer.poll(_POLL, _RECORDS)).items():
                    self._count(fetched.records, used, counted)
                    at[partition] = fetched.position
        return used

    def _count(self, records: Sequence[Record], used: Used, counted: set[MessageId]) -> None:
        for record in records:
            try:
                message = self._decode(record.value or b"")
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue  # a dead letter of whoever reads the topic in earnest
            if message.message_id not in counted:
                counted.add(message.message_id)
                counts = used.setdefault(month_of(message.requested_at), {})
                counts[message.account_id] = counts.get(message.account_id, 0) + 1


class _Reading:
    """A connected consumer, assigned to the partitions."""

    def __init__(self, cluster: Cluster, connection: KafkaSettings, partitions: Sequence[TopicPartition]) -> None:
        self._consumer = cluster.reader()
        self._timeout = connection.start_timeout
        self._partitions = partitions

    async def __aenter__(self) -> Consumer:
        try:
            async with asyncio.timeout(self._timeout):
                await self._consumer.start()
        except TimeoutError:
            await self._consumer.close(_CLOSE)
            raise TryLater("kafka_not_read", "no connection within start_timeout") from None
        self._consumer.assign(self._partitions)
        return self._consumer

    async def __aexit__(self, *exc: object) -> None:
        await self._consumer.close(_CLOSE)
