"""The role `usage` on a real broker and a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from random import SystemRandom

import pytest
from prometheus_client import CollectorRegistry

from services.billing.usage.role import build_usage
from shared.clock import SystemClock
from shared.contracts.states import State
from shared.contracts.topics import LOCAL, specs
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.sending import Sender
from shared.kafka.settings import KafkaSettings
from shared.lifecycle import Component
from shared.service import Context
from shared.stores.mongodb import MongoStore
from tests.catalogue import fresh
from tests.integration.billing.conftest import emptied
from tests.support import wait_until
from tests.unit.billing.building import output, status


@asynccontextmanager
async def running(build: Callable[[Context], Sequence[Component]]) -> AsyncIterator[None]:
    """A role's components, started and stopped as a process does it."""
    registry = CollectorRegistry()
    context = Context(
        clock=SystemClock(), random=SystemRandom(), registry=registry, kafka_metrics=KafkaMetrics(registry)
    )
    components = list(build(context))
    for component in components:
        await component.start()
    await wait_until(lambda: all(component.health().ready for component in components), 60)
    yield
    for component in reversed(components):
        await component.stop(10.0)


@pytest.fixture
async def producer(kafka: str) -> AsyncIterator[Sender]:
    connection = KafkaSettings(bootstrap=kafka)
    await fresh(connection, specs(["fjord"], LOCAL))
    sender = Sender(connection=connection, clock=SystemClock(), metrics=KafkaMetrics(CollectorRegistry()))
    await sender.start()
    yield sender
    await sender.stop(5.0)


async def test_usage_survives_a_restart_and_repeats(
    kafka: str, mongodb: str, producer: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"HEALTH_PORT": "0", "KAFKA": kafka, "MONGODB": mongodb, "USAGE_DAILY_SECONDS": "0.2"}.items():
        monkeypatch.setenv(f"BUDSTIKKE_{name}", value)
    books = MongoStore(mongodb, "billing")
    await books.start()
    taken = [output(status(number, 2)) for number in range(200)]
    arrived = [output(status(number, 2, sequence=4, state=State.DELIVERED)) for number in range(200)]

    async def counted(messages: int) -> bool:
        totals = await books.database["daily_usage"].find({"told": True}).to_list(None)
        return sum(total["total"]["messages"] for total in totals) == messages

    try:
        async with running(build_usage):
            await producer.send(taken[:120])
            await wait_until(lambda: counted(120), 30)
        async with running(build_usage):
            await producer.send([*taken[60:], *arrived])
            await wait_until(lambda: counted(200), 30)
        assert await books.database["usage"].count_documents({"parts": 2}) == 200
    finally:
        await emptied(books)
        await books.stop(1.0)
