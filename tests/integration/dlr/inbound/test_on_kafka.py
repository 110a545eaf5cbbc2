"""The role `inbound` as a process on the real broker, killed in the middle of its work."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from prometheus_client import CollectorRegistry

from services.dlr.inbound.keyword import Keyword, KeywordState, Number, PremiumReply, keyword_id
from services.dlr.inbound.store import InboundStore
from services.dlr.status.store import DATABASE
from shared.clock import SystemClock
from shared.contracts import topics
from shared.contracts.topics import LOCAL, specs
from shared.contracts.words import Lane
from shared.ids import AccountId
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.record import Output
from shared.kafka.sending import Sender
from shared.kafka.settings import KafkaSettings
from shared.privacy.keys import FileKeyStore
from shared.stores.mongodb import MongoStore
from tests.catalogue import fresh
from tests.conftest import ROOT
from tests.integration.dlr.inbound.driving import Handset
from tests.support import wait_until
from tests.unit.dlr.building import START

KILLED = AccountId("killed")
NUMBER = "2077"
COUNT = 120
"""A third ask for pizza in two parts, a third for a charged reply, the others stop; each from a handset of its own."""

PREMIUM = PremiumReply(merchant_id="mer_1", service_code="14002", price=1000, invoice_text="Tips")
REPLIES, ORDERS, EVENTS = topics.requests(Lane.STANDARD), topics.PREMIUM_ORDERS, topics.INBOUND_EVENTS
TOLD = (REPLIES, ORDERS, EVENTS, topics.OPT_OUTS)


@pytest.fixture
async def store(mongodb: str) -> AsyncIterator[InboundStore]:
    mongo = MongoStore(mongodb, DATABASE)
    await mongo.start()
    store = InboundStore(mongo)
    await store.prepare()
    for name in ("inbound_messages", "opt_outs"):
        await mongo.database[name].delete_many({})
    await store.put_number(Number(number=NUMBER, account_id=KILLED, created_at=START))
    for words, premium in (("pizza", None), ("tips", PREMIUM)):
        keyword = Keyword(
            id=keyword_id(NUMBER, words),
            account_id=KILLED,
            number=NUMBER,
            keyword=words,
            state=KeywordState.ACTIVE,
            created_at=START,
            reply="Takk!",
            premium=premium,
        )
        await store.add_keyword(keyword)
    yield store
    await mongo.stop(1.0)


@pytest.fixture
async def producer(kafka: str) -> AsyncIterator[Sender]:
    connection = KafkaSettings(bootstrap=kafka)
    used = {topics.INBOUND, topics.dead_letters(topics.INBOUND), *TOLD, topics.ACCOUNTS}
    await fresh(connection, [spec for spec in specs(["fjord"], LOCAL) if spec.name in used])
    sender = Sender(connection=connection, clock=SystemClock(), metrics=KafkaMetrics(CollectorRegistry()))
    await sender.start()
    yield sender
    await sender.stop(5.0)


class Role:
    """The role as a process."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.dlr", "inbound", cwd=ROOT, stdout=asyncio.subprocess.DEVNULL
        )

    async def end(self, *, kill: bool) -> int:
        if self._process is None:
            return 0
        (self._process.kill if kill else self._process.terminate)()
        code = await asyncio.wait_for(self._process.wait(), 30)
        self._process = None
        return code


@pytest.fixture
async def role(environment: Path) -> AsyncIterator[Role]:
    role = Role()
    yield role
    await role.end(kill=True)


async def test_killed_twice_every_message_is_answered_charged_and_told_under_one_id(
    role: Role, producer: Sender, store: InboundStore, environment: Path, kafka: str
) -> None:
    keys = FileKeyStore(environment)
    words = ("pizza", "tips", "STOPP")
    handsets = [Handset(keys, f"+479{number:07d}") for number in range(COUNT)]

    def first(number: int) -> Output:
        if number % 3 == 0:
            return handsets[number].part(b"piz", 1, 2, to=NUMBER, delivered_as=f"{number:032x}", partition=number % 4)
        return handsets[number].says(words[number % 3], NUMBER, delivered_as=f"{number:032x}", partition=number % 4)

    def second(number: int) -> Output:
        return handsets[number].part(b"za", 2, 2, to=NUMBER, delivered_as=f"f{number:031x}", partition=number % 4)

    half = COUNT // 2
    early = [first(number) for number in range(half)] + [second(number) for number in range(0, half // 2, 3)]
    late = [second(number) for number in range(half // 2, half) if number % 3 == 0]
    late += [second(number) for number in range(half, COUNT) if number % 3 == 0]
    late += [first(number) for number in range(half, COUNT)]
    seen: dict[str, set[bytes]] = {}
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    consumer.assign(
        [
            TopicPartition(topic, number)
            for topic in (REPLIES, ORDERS, EVENTS)
            for number in range(LOCAL.message_partitions)
        ]
        + [TopicPartition(topics.OPT_OUTS, 0)]
    )

    async def told(enough: int) -> bool:
        for found in (await consumer.getmany(timeout_ms=50)).values():
            for record in found:
                seen.setdefault(record.topic, set()).add(dict(record.headers)["ce_id"])
        return len(seen.get(EVENTS, ())) >= enough

    try:
        for enough, batch in ((10, early), (65, late)):
            await role.start()
            # Each comes twice: an operator that got no answer delivers again.
            await producer.send([delivery for each in batch for delivery in (each, each)])
            await wait_until(lambda enough=enough: told(enough), 60)  # type: ignore[misc]
            await role.end(kill=True)
        await role.start()
        await producer.send([Handset(keys).says("hei", NUMBER, delivered_as="f" * 32)])
        await wait_until(lambda: told(COUNT + 1), 60)
        assert await role.end(kill=False) == 0
        await told(COUNT + 1)
    finally:
        await consumer.stop()

    third = COUNT // 3
    assert {topic: len(ids) for topic, ids in seen.items()} == {
        REPLIES: 2 * third,
        ORDERS: third,
        EVENTS: COUNT + 1,
        topics.OPT_OUTS: third,
    }
    assert len(await store.messages_of(KILLED, None, 1000)) == COUNT + 1
