"""The consumer of docs/write-a-consumer.md, as it stands there, on a real broker and a real database."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry
from pymongo import AsyncMongoClient

from deploy.local.settings import ROOT
from shared.clock import SystemClock
from shared.contracts import topics
from shared.contracts.topics import LOCAL, specs
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.record import Output
from shared.kafka.sending import Sender
from shared.kafka.settings import KafkaSettings
from shared.kafka.topics import TopicSpec
from tests.catalogue import fresh
from tests.integration.kafka.conftest import BrokerTruth
from tests.support import wait_until
from tests.unit.contracts.examples import example

PAGE = ROOT / "docs/write-a-consumer.md"
CHANGED = "no.budstikke.sms.message-status-changed.v1"
GONE = "demo.gone"


def changed(message_id: str, **fields: object) -> Output:
    """The event of a message that the operator gave up, with other fields."""
    document = example(CHANGED)
    headers = document["headers"] | {"ce_id": f"{message_id}:4", "ce_subject": message_id}
    value = document["value"] | {"message_id": message_id} | fields
    return Output(
        topics.EVENTS,
        0,
        message_id.encode(),
        msgspec.json.encode(value),
        tuple((name, text.encode()) for name, text in headers.items()),
    )


@pytest.fixture
async def consumer(kafka: str, mongodb: str, tmp_path: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """The page's code as a process, with both of its roles."""
    await fresh(KafkaSettings(kafka), [*specs(["fjord"], LOCAL), TopicSpec(GONE, LOCAL.message_partitions)])
    (code,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (tmp_path / "demo.py").write_text(code)
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "BUDSTIKKE_KAFKA": kafka,
        "BUDSTIKKE_MONGODB": mongodb,
        "BUDSTIKKE_KEY_STORE": str(tmp_path),
        "BUDSTIKKE_HEALTH_PORT": "0",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "demo.py", "teller", "table", cwd=tmp_path, env=environment
    )
    yield process
    if process.returncode is None:
        process.kill()
    await process.wait()


async def test_the_consumer_of_the_page_does_what_the_page_says(
    kafka: str, mongodb: str, consumer: asyncio.subprocess.Process
) -> None:
    truth, mine = BrokerTruth(kafka), [str(uuid.uuid4()) for _ in range(3)]
    gone, back, poison = mine
    sender = Sender(connection=KafkaSettings(kafka), clock=SystemClock(), metrics=KafkaMetrics(CollectorRegistry()))
    await sender.start()
    event = changed(gone, permanent=True)
    await sender.send(
        [
            event,
            changed(back, permanent=False),
            changed(poison, state="nowhere"),
            event,  # again, as after a crash of its writer
        ]
    )
    await sender.stop(5.0)

    async def count(topic: str, message_id: str) -> int:
        return sum(record.key == message_id.encode() for record in await truth.records(topic))

    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongodb)
    rows = client["demo"]["gone"]

    async def done() -> bool:
        assert consumer.returncode is None
        return (
            await count(GONE, gone) == 2
            and await count(topics.dead_letters(topics.EVENTS), poison) == 2  # of each role
            and await rows.count_documents({"message_id": gone}) == 1
        )

    await wait_until(done, 60.0)
    assert await count(GONE, back) == 0
    assert await rows.count_documents({"message_id": {"$in": [back, poison]}}) == 0
    await client.close()
    consumer.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(consumer.wait(), 30.0) == 0
