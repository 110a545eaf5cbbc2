"""Records that nobody can handle end on their dead-letter topic, with the reason; the same partition goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import ConsumerRecord
from pymongo import AsyncMongoClient

from shared.contracts.topics import LOCAL, dead_letters
from shared.contracts.words import Lane
from shared.ids import partition_of
from tests.acceptance.customer import Customer
from tests.acceptance.numbers import Numbers
from tests.acceptance.partitions import every_partition
from tests.acceptance.smsc import Smsc
from tests.acceptance.system import System
from tests.support import wait_until
from tests.unit.contracts.examples import example

PARTITION = 1
DLQ_HEADERS = {
    "dlq-source-topic",
    "dlq-source-partition",
    "dlq-source-offset",
    "dlq-source-group",
    "dlq-error-type",
    "dlq-error-message",
    "dlq-first-failed-at",
}

Poison = tuple[bytes | None, Mapping[str, str]]
"""Value and headers."""

SEND, ACCEPTED, ORDERED, FACT, RECEIPT = (
    f"no.budstikke.sms.{name}.v1"
    for name in ("send-requested", "message-accepted", "dispatch-ordered", "part-fact", "operator-receipt")
)
READERS = {
    "sms.requests.standard": (SEND, ("ingest.screening.standard", "dlr.status")),
    "sms.accepted.standard": (ACCEPTED, ("dispatch.router.standard",)),
    "sms.dispatch.fjord.standard": (ORDERED, ("dispatch.sender.fjord.standard",)),
    "sms.facts": (FACT, ("dlr.status",)),
    "sms.receipts": (RECEIPT, ("dlr.status",)),
}
"""By topic: what belongs there, and the groups that read it."""


def poison(topic: str) -> Mapping[str, Poison]:
    """By the code of its error: every way in which a record can be bad for ever."""
    kind, _ = READERS[topic]
    document = example(kind)
    headers: dict[str, str] = document["headers"]
    value = msgspec.json.encode(document["value"])
    without_type = {name: text for name, text in headers.items() if name != "ce_type"}
    cases: dict[str, Poison] = {
        "bad_payload": (value[:-20], headers),
        "missing_header": (value, without_type),
        "empty_value": (None, headers),
        "unknown_event_version": (value, headers | {"ce_type": f"{kind[:-1]}99"}),
        "unknown_event_type": (value, headers | {"ce_type": "no.budstikke.sms.nothing.v1"}),
        "unexpected_event_type": (
            msgspec.json.encode(example("no.budstikke.sms.message-corrected.v1")["value"]),
            headers | {"ce_type": "no.budstikke.sms.message-corrected.v1"},
        ),
    }
    if topic in {"sms.requests.standard", "sms.accepted.standard", "sms.dispatch.fjord.standard"}:
        cases["bad_seal"] = (value, headers)  # the example is sealed with keys that this system does not have
    return cases


@pytest.mark.parametrize("topic", READERS)
async def test_a_poison_record_is_set_aside_and_its_partition_goes_on(
    system: System, api: Customer, fjord: Smsc, numbers: Numbers, topic: str
) -> None:
    _, groups = READERS[topic]
    await api.delivered(await api.send_one(numbers.norwegian(), "Hei"))  # the account has its keys now
    async with dead_letters_of(system, topic) as dead, AIOKafkaProducer(bootstrap_servers=system.kafka) as producer:
        placed: dict[tuple[str, int], tuple[str, Poison]] = {}
        for code, (value, headers) in poison(topic).items():
            sent = await producer.send_and_wait(
                topic,
                value,
                b"poison",
                PARTITION,
                headers=[(name, text.encode()) for name, text in headers.items()],
            )
            placed |= {(group, sent.offset): (code, (value, headers)) for group in groups}
        records: list[ConsumerRecord] = []

        async def all_there() -> bool:
            records.extend(await dead())
            return len(records) >= len(placed)

        await wait_until(all_there, 60.0, waiting_for=f"{len(placed)} dead letters of {topic}")
        await deliver_on(PARTITION, api, numbers)
        assert await dead() == []
    assert len(records) == len(placed)
    for record in records:
        headers = {name: octets.decode() for name, octets in record.headers}
        code, (value, before) = placed.pop((headers["dlq-source-group"], int(headers["dlq-source-offset"])))
        assert headers["dlq-error-type"] == code
        assert (headers["dlq-source-topic"], headers["dlq-source-partition"]) == (topic, str(PARTITION))
        assert 0 < len(headers["dlq-error-message"]) <= 1024
        assert int(headers["dlq-first-failed-at"]) > 1_600_000_000_000
        assert (record.key, record.value) == (b"poison", value)
        assert {name: text for name, text in headers.items() if name not in DLQ_HEADERS} == before
    assert placed == {}


async def test_a_receipt_that_nobody_waits_for_is_set_aside(
    system: System, api: Customer, fjord: Smsc, numbers: Numbers
) -> None:
    await api.delivered(await api.send_one(numbers.norwegian(), "Hei"))
    (taken, *_) = await fjord.taken()
    async with AsyncMongoClient[dict[str, Any]](system.mongodb) as client:
        parked = client["dlr"]["parked_receipts"]
        before = await parked.count_documents({})
        await fjord.report({**taken, "id": "999999999999"})

        async def there() -> bool:
            return await parked.count_documents({}) == before + 1

        await wait_until(there, 60.0, waiting_for="the parked receipt of an unknown message")
    await api.delivered(await api.send_one(numbers.norwegian(), "Og nå en god"))


async def deliver_on(partition: int, api: Customer, numbers: Numbers) -> None:
    """Send until the partition got a message, and see it and the others delivered."""
    ids: list[str] = []
    while not any(partition_of(message_id, LOCAL.message_partitions) == partition for message_id in ids):
        ids.append(await api.send_one(numbers.norwegian(), "Og nå en god", lane=Lane.STANDARD))
        assert len(ids) < 200, "the door gives this partition no message"
    assert set((await api.settled(ids)).values()) == {"delivered"}


class _Dead:
    """What arrives on a dead-letter topic from now on."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer

    async def __call__(self) -> Sequence[ConsumerRecord]:
        """What has arrived since the last call."""
        arrived = await self._consumer.getmany(timeout_ms=200)
        return [record for records in arrived.values() for record in records]


@asynccontextmanager
async def dead_letters_of(system: System, topic: str) -> AsyncIterator[_Dead]:
    consumer = AIOKafkaConsumer(bootstrap_servers=system.kafka, isolation_level="read_committed")
    async with consumer:
        places = [place for place in await every_partition(system.kafka) if place.topic == dead_letters(topic)]
        assert places
        consumer.assign(places)
        for place, end in (await consumer.end_offsets(places)).items():
            consumer.seek(place, end)
        yield _Dead(consumer)
