"""Client systems compress as they like, by methods that our client cannot read."""

from __future__ import annotations

from typing import Any, Final

import aiokafka
import msgspec
import pytest
from aiokafka import codec
from aiokafka.errors import MessageSizeTooLargeError, RecordListTooLargeError
from aiokafka.record._crecords import default_records

from shared.contracts.topics import LOCAL, client_pair
from shared.ids import AccountId
from shared.kafka.record import TopicPartition
from tests.support import wait_until
from tests.unit.kafka.kit import Kit

_SNAPPY: Final = 2


def snappy(octets: bytes) -> bytes:
    """These octets as one literal in snappy's format: no shorter, but such."""
    size = len(octets)
    length = bytes([size & 0x7F | 0x80, size >> 7]) if size > 0x7F else bytes([size])
    return length + bytes([61 << 2]) + (size - 1).to_bytes(2, "little") + octets


async def write_compressed(bootstrap: str, topic: str, values: list[bytes], patch: pytest.MonkeyPatch) -> None:
    """A batch, as a producer with a snappy library writes it."""
    with patch.context() as with_library:
        with_library.setattr(codec, "has_snappy", lambda: True)
        with_library.setitem(aiokafka.AIOKafkaProducer._COMPRESSORS, "snappy", (lambda: True, _SNAPPY))
        with_library.setattr(default_records, "snappy_encode", lambda octets: snappy(bytes(octets)))
        async with aiokafka.AIOKafkaProducer(bootstrap_servers=bootstrap, compression_type="snappy") as foreign:
            batch = foreign.create_batch()
            for value in values:
                batch.append(key=None, value=value, timestamp=None)
            await (await foreign.send_batch(batch, topic, partition=0))


async def requests_topic(kit: Kit) -> str:
    """A topic as an account gets it for what its own systems ask."""
    spec = msgspec.structs.replace(client_pair(AccountId("acme"))[0].spec(LOCAL), name=f"{kit.name}.requests")
    admin = kit.keep(kit.cluster.admin())
    await admin.start()
    await admin.create([spec])
    return spec.name


async def test_what_a_client_system_compresses_is_read(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    topic = await requests_topic(kit)
    values = [b"first", b"x" * 500]
    await write_compressed(kit.settings.bootstrap, topic, values, monkeypatch)
    reader, found = kit.keep(kit.cluster.reader()), list[Any]()
    await reader.start()
    reader.assign([TopicPartition(topic, 0)])
    reader.seek(TopicPartition(topic, 0), 0)

    async def all_read() -> bool:
        for fetched in (await reader.poll(0.1, 10)).values():
            found.extend(record.value for record in fetched.records)
        return len(found) == len(values)

    await wait_until(all_read)
    assert found == values


async def test_what_is_small_only_while_it_is_compressed_is_refused_by_the_broker(kit: Kit) -> None:
    topic = await requests_topic(kit)
    async with aiokafka.AIOKafkaProducer(
        bootstrap_servers=kit.settings.bootstrap, max_request_size=5_000_000, compression_type="gzip"
    ) as foreign:
        with pytest.raises((MessageSizeTooLargeError, RecordListTooLargeError)):
            await foreign.send_and_wait(topic, b"y" * 3_000_000, partition=0)
