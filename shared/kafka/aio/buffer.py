"""What the library has fetched and nobody has taken yet (aiokafka 0.14), as records of ours.

Its own `getmany` makes a record of eleven fields of each first, says nothing of positions that moved over markers
alone, and when the records of one partition cannot be read it loses what it took of others before, whose positions
have moved. What is skipped and what is not (aborted transactions, control batches, what compaction left) is still
decided there, in `PartitionRecords`.
"""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import Any

import aiokafka
from aiokafka.consumer.fetcher import FetchError, FetchResult
from aiokafka.errors import KafkaError

from shared.kafka.port import Fetched
from shared.kafka.record import Record, TopicPartition


class Buffer:
    """The fetched records of one consumer that is started."""

    def __init__(self, consumer: aiokafka.AIOKafkaConsumer) -> None:
        self._fetcher = consumer._fetcher
        self._subscription = consumer._subscription
        self._coordinator = consumer._coordinator

    async def take(self, timeout: float, most: int) -> dict[TopicPartition, Fetched]:
        """What is there, as soon as there is something: at most so many records, and every position that moved.

        Nothing after `timeout` seconds. Raises errors of the library. Cancellation loses nothing: from the moment when
        something is taken nothing yields to the loop, so a rebalance never mixes two assignments.
        """
        self._coordinator.check_errors()
        with self._subscription.fetch_context():
            try:
                async with asyncio.timeout(timeout):
                    return await self._news(most)
            except TimeoutError:
                return {}

    async def _news(self, most: int) -> dict[TopicPartition, Fetched]:
        while not self._fetcher._closed:
            if self._subscription.reassignment_in_progress:
                await self._subscription.wait_for_assignment()
            if taken := self._taken(most):
                return taken
            await self._fetcher._create_fetch_waiter()
        return {}

    def _taken(self, most: int) -> dict[TopicPartition, Fetched]:
        """Of partition after partition. An error waits for a call that finds nothing before it."""
        taken: dict[TopicPartition, Fetched] = {}
        for place, result in list(self._fetcher._records.items()):
            if most <= 0 or (taken and type(result) is FetchError):
                break
            if type(result) is FetchError:
                self._drop(place)
                result.check_raise()
            fetched, error = self._unpacked(place, result, most)
            if fetched is not None:
                taken[TopicPartition(*place)] = fetched
                most -= len(fetched.records)
            if error is not None and not taken:
                raise error
        return taken

    def _unpacked(
        self, place: aiokafka.TopicPartition, result: FetchResult, most: int
    ) -> tuple[Fetched | None, KafkaError | None]:
        """Records of one partition and the position behind them, None if it stays; what ended them before their time.

        The position is behind the last good record then, so what is fetched next begins with what is broken.
        """
        if not result.check_assignment(place):
            self._drop(place)
            return None, None
        unpacking = result._partition_records
        unpacking._consumer_record = _record
        before, records, error = unpacking.next_fetch_offset, list[Record](), None
        try:
            records.extend(islice(unpacking, most))  # keeps those before an error
        except KafkaError as found:
            error = found
        result._update_position()
        if error is not None or len(records) < most:
            self._drop(place)
        position = unpacking.next_fetch_offset
        return (Fetched(records, position) if position != before else None), error

    def _drop(self, place: aiokafka.TopicPartition) -> None:
        """Nothing more of it: let more be fetched."""
        del self._fetcher._records[place]
        self._fetcher._notify(self._fetcher._wait_consume_future)


def _record(place: aiokafka.TopicPartition, record: Any) -> Record:
    return Record(
        place.topic, place.partition, record.offset, record.timestamp, record.key, record.value, tuple(record.headers)
    )
