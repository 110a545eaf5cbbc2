"""A participant as a process that is killed in the middle of an order."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer
from prometheus_client import CollectorRegistry

from services.dlr.status.store import DATABASE
from shared.clock import SystemClock
from shared.contracts import topics
from shared.contracts.codec import Writer, read
from shared.contracts.privacy import PrivacyAnswered
from shared.contracts.topics import LOCAL, specs
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.record import Record
from shared.kafka.sending import Sender
from shared.kafka.settings import KafkaSettings
from shared.stores.mongodb import Document, MongoStore
from tests.catalogue import fresh
from tests.integration.billing.premium.driving import leave
from tests.integration.privacy.ordering import ACCOUNT, ANNA, BJORN, NOW, erase
from tests.support import wait_until
from tests.transactions import end_transactions

ROOT = Path(__file__).resolve().parents[3]
ROWS = 3000
SEALED = b"sealed"


@pytest.fixture
async def log(mongodb: str) -> AsyncIterator[MongoStore]:
    """The database of the service itself, for the process knows no other."""
    store = MongoStore(mongodb, DATABASE)
    await store.start()
    await store.database.client.drop_database(DATABASE)
    yield store
    await end_transactions(store)
    await store.database.client.drop_database(DATABASE)
    await store.stop(1.0)


async def process() -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.dlr", "privacy", cwd=ROOT, stdout=asyncio.subprocess.DEVNULL
    )


async def test_a_participant_that_is_killed_in_the_middle_goes_on_and_counts_every_row_once(
    kafka: str, mongodb: str, log: MongoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "HEALTH_PORT": "0",
        "KAFKA": kafka,
        "MONGODB": mongodb,
        "PRIVACY_BATCH": "50",
        "PRIVACY_PAUSE": "0.01",
    }.items():
        monkeypatch.setenv(f"BUDSTIKKE_{name}", value)
    messages = log.database.messages
    row: Document = {"account_id": ACCOUNT, "version": 1}
    await messages.insert_many(
        [
            {**row, "request": {"to": SEALED, "content": SEALED, "pseudonym": who, "requested_at": NOW}}
            for number in range(ROWS)
            for who in ((ANNA, BJORN) if number % 10 == 0 else (ANNA,))
        ]
    )
    left = {"request.pseudonym": ANNA}
    connection = KafkaSettings(bootstrap=kafka)
    await fresh(connection, specs(["fjord"], LOCAL))
    sender = Sender(connection=connection, clock=SystemClock(), metrics=KafkaMetrics(CollectorRegistry()))
    await sender.start()
    order = erase(ANNA)
    output = Writer("/budstikke/test/test").output(
        topics.PRIVACY_ORDERS, 0, order, event_id=order.order_id, time=NOW, subject=order.order_id
    )

    async def erased(least: int) -> bool:
        return await messages.count_documents(left) <= ROWS - least

    victim = await process()
    try:
        await sender.send([output, output])
        for least in (200, 1500):
            await wait_until(lambda least=least: erased(least), 60.0)  # type: ignore[misc]
            victim.kill()
            await victim.wait()
            await end_transactions(log)
            await leave(kafka, "dlr.privacy")
            assert not await erased(ROWS)
            victim = await process()
        answer = await answered(kafka)
    finally:
        with suppress(ProcessLookupError):
            victim.terminate()
        await victim.wait()
        await sender.stop(1.0)
    assert await messages.count_documents(left) == 0
    assert await messages.count_documents({"request.pseudonym": BJORN}) == ROWS // 10
    assert {count.store: count.deleted for count in answer.counts}["messages"] == ROWS


async def answered(kafka: str) -> PrivacyAnswered:
    """The first answer on the topic."""
    async with (
        AIOKafkaConsumer(topics.PRIVACY_RECEIPTS, bootstrap_servers=kafka, auto_offset_reset="earliest") as consumer,
        asyncio.timeout(60.0),
    ):
        found = await consumer.getone()
    event = read(Record(found.topic, found.partition, 0, 0, found.key, found.value, tuple(found.headers)))
    assert isinstance(event, PrivacyAnswered)
    return event
