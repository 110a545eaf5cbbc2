"""A partition's log as a broker sends it: record batches of format 2, and a network client that serves them."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, Final

import aiokafka
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.protocol.fetch import FetchRequest, FetchResponse_v11
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c, encode_varint

TIME: Final = 1_700_000_000_000
TRANSACTIONAL, CONTROL = 0x10, 0x20
ABORT, COMMIT = struct.pack(">hh", 0, 0), struct.pack(">hh", 0, 1)

_CRC, _ATTRIBUTES, _LAST_DELTA = 17, 21, 23
"""Where these stand in a batch."""


class Log:
    """One partition. What is written gets the next offsets, as on a broker."""

    def __init__(self) -> None:
        self.end = 0
        self.batches: list[tuple[int, int, bytes]] = []
        self._aborted: list[tuple[int, int, int]] = []
        self._begun: dict[int, int] = {}

    def write(
        self, *values: bytes | None, producer: int = -1, transaction: bool = False, codec: int = 0, without: int = 0
    ) -> None:
        """A batch. None is what compaction took; so are `without` offsets behind the last value."""
        if transaction:
            self._begun.setdefault(producer, self.end)
        builder = _builder(producer, codec, transaction=transaction)
        for delta, value in enumerate(values):
            if value is not None:
                builder.append(delta, TIME + self.end + delta, b"k%d" % delta, value, [("name", b"h"), ("name", b"i")])
        self._add(bytes(builder.build()), len(values) + without)

    def marker(self, producer: int, *, commit: bool) -> None:
        """The end of the producer's transaction."""
        begun = self._begun.pop(producer, None)
        if begun is not None and not commit:
            self._aborted.append((producer, begun, self.end))
        builder = _builder(producer, 0, transaction=True)
        builder.append(0, TIME, COMMIT if commit else ABORT, b"\0\0\0\0\0\0", [])
        batch = bytearray(builder.build())
        batch[_ATTRIBUTES : _ATTRIBUTES + 2] = struct.pack(">h", TRANSACTIONAL | CONTROL)
        self._add(bytes(batch), 1)

    def write_foreign(self, *records: bytes) -> None:
        """A batch of records that somebody else encoded."""
        self._add(foreign(*records), len(records))

    def break_last(self) -> None:
        """The last batch is no longer as its checksum says."""
        base, behind, batch = self.batches[-1]
        self.batches[-1] = (base, behind, batch[:-1] + bytes([batch[-1] ^ 1]))

    def since(self, offset: int) -> bytes:
        """What a fetch from there on brings: whole batches, the first of which may begin before it."""
        return b"".join(batch for _, behind, batch in self.batches if behind > offset)

    def aborted_since(self, offset: int) -> list[tuple[int, int]]:
        """Transactions whose markers are in such a fetch: producer, first offset."""
        return [(producer, begun) for producer, begun, ended in self._aborted if ended >= offset]

    def _add(self, batch: bytes, offsets: int) -> None:
        made = bytearray(batch)
        made[:8] = struct.pack(">q", self.end)
        made[_LAST_DELTA : _LAST_DELTA + 4] = struct.pack(">i", offsets - 1)
        made[_CRC : _CRC + 4] = struct.pack(">I", calc_crc32c(bytes(made[_ATTRIBUTES:])))
        self.batches.append((self.end, self.end + offsets, bytes(made)))
        self.end += offsets


def foreign(*records: bytes) -> bytes:
    """A batch of these records as a producer sends it, its checksum right whatever they are."""
    head = struct.pack(">hiqqqhii", 0, len(records) - 1, TIME, TIME, -1, -1, -1, len(records))
    checked = head + b"".join(records)
    return struct.pack(">qiibI", 0, 9 + len(checked), -1, 2, calc_crc32c(checked)) + checked


def foreign_record(
    value: bytes = b"v",
    headers: Sequence[tuple[bytes, bytes | None]] = (),
    *,
    offset: bytes = b"\0",
    attributes: int = 0,
    size_bits: bytes = b"",
) -> bytes:
    """One record octet by octet. `size_bits` go behind its length, as bits beyond the 32 that it has."""
    body = bytes([attributes, 0]) + offset + _sized(b"key") + _sized(value) + _varint(len(headers))
    body += b"".join(_sized(name) + _sized(content) for name, content in headers)
    size = _varint(len(body))
    if size_bits:
        size = (size + b"\0\0\0")[:4]
        size = bytes(octet | 0x80 for octet in size) + size_bits
    return size + body


def _sized(octets: bytes | None) -> bytes:
    return _varint(-1) if octets is None else _varint(len(octets)) + octets


def _varint(number: int) -> bytes:
    octets = bytearray()
    encode_varint(number, octets.append)
    return bytes(octets)


async def send_foreign(bootstrap: str, topic: str, batch: bytes) -> None:
    """Have the broker take a batch."""
    async with aiokafka.AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        await producer.client._wait_on_metadata(topic)
        node = producer.client.cluster.leader_for_partition(aiokafka.TopicPartition(topic, 0))
        response = await producer.client.send(node, ProduceRequest(None, -1, 5000, [(topic, [(0, batch)])]))
        assert response.topics[0][1][0][1] == 0, "the broker refused the batch"


class Served:
    """A consumer of these logs, as far as reading goes: the library's own fetcher, without a network."""

    def __init__(self, logs: Mapping[aiokafka.TopicPartition, Log]) -> None:
        self._logs = logs
        self._loop = asyncio.get_running_loop()
        self._metadata_max_age_ms = 300_000
        self.news = asyncio.Event()
        self.waits_ms: list[int] = []
        self.cluster = SimpleNamespace(leader_for_partition=lambda _: 0, broker_metadata=lambda _: object())
        self.subscription = SubscriptionState()
        self.subscription.assign_from_user(list(logs))
        self.fetcher = Fetcher(self, self.subscription, isolation_level="read_committed", auto_offset_reset="none")

    @property
    def consumer(self) -> Any:
        """What holds the parts."""
        coordinator = SimpleNamespace(check_errors=lambda: None)
        return SimpleNamespace(_fetcher=self.fetcher, _subscription=self.subscription, _coordinator=coordinator)

    def seek(self, place: aiokafka.TopicPartition, offset: int) -> None:
        """Read on from there."""
        self.fetcher.seek_to(place, offset)

    def position(self, place: aiokafka.TopicPartition) -> int:
        """Where it will read on."""
        return int(self.subscription.subscription.assignment.state_value(place).position)

    async def send(self, _: int, request: FetchRequest, *, group: int = 0) -> FetchResponse_v11:
        """Answer a fetch: at once with what there is, else when `news` is set."""
        asked = {
            aiokafka.TopicPartition(topic, number): offset
            for topic, partitions in request.topics
            for number, offset, _ in partitions
        }
        self.waits_ms.append(request._max_wait_ms)
        while not any(self._logs[place].since(offset) for place, offset in asked.items()):
            self.news.clear()
            await self.news.wait()
        return FetchResponse_v11(0, 0, 0, [(place.topic, [self._part(place, asked[place])]) for place in asked])

    def _part(self, place: aiokafka.TopicPartition, offset: int) -> Sequence[Any]:
        log = self._logs[place]
        return (place.partition, 0, log.end, log.end, 0, log.aborted_since(offset), -1, log.since(offset))


def _builder(producer: int, codec: int, *, transaction: bool) -> DefaultRecordBatchBuilder:
    return DefaultRecordBatchBuilder(
        magic=2,
        compression_type=codec,
        is_transactional=int(transaction),
        producer_id=producer,
        producer_epoch=0,
        base_sequence=0,
        batch_size=1 << 20,
    )
