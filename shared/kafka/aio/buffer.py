"""What the library has fetched and nobody has taken yet (aiokafka 0.14), as records of ours.

Its own `getmany` makes a record of eleven fields of each first, says nothing of positions that moved over markers
alone, and when the records of one partition cannot be read it loses what it took of others before, whose positions
have moved. What is skipped and what is not (aborted transactions, control batches, what compaction left) is still
decided there, in `PartitionRecords`.

A batch that the library cannot read is fetched once more and read as brokers do: it takes one record of a foreign
producer to come by such a batch.
"""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import Any

import aiokafka
from aiokafka.client import ConnectionGroup
from aiokafka.consumer.fetcher import FetchError, FetchResult
from aiokafka.errors import CorruptRecordException
from aiokafka.protocol.fetch import FetchRequest

from shared.kafka.aio.batch import first_batch
from shared.kafka.port import Fetched, Unreadable
from shared.kafka.record import Record, TopicPartition


class Buffer:
    """The fetched records of one consumer that is started."""

    def __init__(self, consumer: aiokafka.AIOKafkaConsumer) -> None:
        self._fetcher = consumer._fetcher
        self._subscription = consumer._subscription
        self._coordinator = consumer._coordinator

    async def take(self, timeout: float, most: int) -> dict[TopicPartition, Fetched]:
        """What is there, as soon as there is something: at most so many records, and every position that moved.

        A batch that only we can read comes whole. Nothing after `timeout` seconds. Raises errors of the library and
        Unreadable. Cancellation loses nothing: from the moment when
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
            try:
                taken = self._taken(most)
            except _Broken as broken:
                taken = await self._read_again(broken)
            if taken:
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
                self._drop(place)
                raise error
        return taken

    async def _read_again(self, broken: _Broken) -> dict[TopicPartition, Fetched]:
        """The batch that the library could not read."""
        place, unpacking = broken.place, broken.result._partition_records
        offset = unpacking.next_fetch_offset
        batch = first_batch(await self._fetch(place, offset))
        if not broken.result.check_assignment(place):
            return {}
        if batch is None or batch.behind <= offset:
            raise CorruptRecordException(f"{broken}") from broken.error
        partition = TopicPartition(*place)
        try:
            records = [record for record in batch.records(partition) if record.offset >= offset]
        except (ValueError, IndexError) as error:
            raise Unreadable(partition, offset, batch.behind, f"{error}") from broken.error
        unpacking.next_fetch_offset = batch.behind
        broken.result._update_position()
        return {partition: Fetched(records, batch.behind)}

    async def _fetch(self, place: aiokafka.TopicPartition, offset: int) -> bytes:
        """What lies there. Not on the connection where a fetch waits for news."""
        fetcher = self._fetcher
        partitions = [(place.partition, offset, fetcher._max_partition_fetch_bytes)]
        request = FetchRequest(0, 1, fetcher._fetch_max_bytes, fetcher._isolation_level, [(place.topic, partitions)])
        node = fetcher._client.cluster.leader_for_partition(place)
        response = await fetcher._client.send(node, request, group=ConnectionGroup.COORDINATION)
        return bytes(response.topics[0][1][0][-1] or b"")

    def _unpacked(
        self, place: aiokafka.TopicPartition, result: FetchResult, most: int
    ) -> tuple[Fetched | None, _Broken | None]:
        """Records of one partition and the position behind them, None if it stays; what ended them before their time.

        The position is behind the last good record then, and the error keeps the partition's place in the row.
        """
        if not result.check_assignment(place):
            self._drop(place)
            return None, None
        unpacking = result._partition_records
        unpacking._consumer_record = _record
        before, records, error = unpacking.next_fetch_offset, list[Record](), None
        try:
            records.extend(islice(unpacking, most))  # keeps those before an error
        except Exception as found:  # of any kind: a header's name may raise UnicodeDecodeError, a codec OSError
            error = _Broken(place, result, found)
        if _misnumbered(records, unpacking.next_fetch_offset, result._assignment.state_value(place).highwater):
            error = _Broken(place, result, CorruptRecordException("offsets that cannot be"))
            unpacking.next_fetch_offset = before
            records.clear()
        result._update_position()
        if error is not None:
            self._fetcher._records[place] = FetchError(error=error, backoff=0)
        elif len(records) < most:
            self._drop(place)
        position = unpacking.next_fetch_offset
        return (Fetched(records, position) if position != before else None), error

    def _drop(self, place: aiokafka.TopicPartition) -> None:
        """Nothing more of it: let more be fetched."""
        del self._fetcher._records[place]
        self._fetcher._notify(self._fetcher._wait_consume_future)


class _Broken(Exception):
    """What comes next of a partition cannot be read, by the library at least."""

    def __init__(self, place: aiokafka.TopicPartition, result: FetchResult, error: Exception) -> None:
        super().__init__(f"{place}: {type(error).__name__}")
        self.place = place
        self.result = result
        self.error = error


def _misnumbered(records: list[Record], position: int, end: int) -> bool:
    """Whether a producer gave a record an offset beyond its batch, which brokers let pass (3 % of what a record costs
    here). Of a position beyond the end nothing could be read any more.
    """
    offsets = [record.offset for record in records]
    return position > end or (bool(offsets) and (offsets[-1] >= position or offsets != sorted(set(offsets))))


def _record(place: aiokafka.TopicPartition, record: Any) -> Record:
    return Record(
        place.topic, place.partition, record.offset, record.timestamp, record.key, record.value, tuple(record.headers)
    )
