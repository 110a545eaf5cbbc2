"""The whole role on a real broker and a real database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from random import SystemRandom

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer
from prometheus_client import CollectorRegistry

from services.dlr.status.role import build_status
from services.dlr.status.store import DATABASE
from services.dlr.webhooks.endpoints.endpoint import Endpoint, EndpointId
from services.dlr.webhooks.endpoints.occasion import Occasion
from services.dlr.webhooks.endpoints.store import EndpointStore
from shared.clock import ManualClock, SystemClock
from shared.contracts import topics
from shared.contracts.events import MessageStatusChanged
from shared.contracts.passing import each_state
from shared.contracts.words import FactKind, ReceiptState
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.sending import Sender
from shared.lifecycle import Component
from shared.privacy.keys import FileKeyStore
from shared.privacy.sealing import Sealer
from shared.service import Context
from shared.stores.mongodb import MongoStore
from tests.integration.dlr.driving import Door, as_output, message_ids, receipt
from tests.support import wait_until
from tests.unit.dlr.building import ACCOUNT, START, operator_receipt, part_fact


class Running:
    """The role's components, started and stopped as a process does it."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        context = Context(
            clock=SystemClock(), random=SystemRandom(), registry=registry, kafka_metrics=KafkaMetrics(registry)
        )
        self._components: list[Component] = list(build_status(context))

    async def __aenter__(self) -> None:
        for component in self._components:
            await component.start()
        await wait_until(lambda: all(component.health().ready for component in self._components), 60)

    async def __aexit__(self, *_: object) -> None:
        for component in reversed(self._components):
            await component.stop(10.0)


@pytest.fixture
async def asks_for_all(mongodb: str) -> AsyncIterator[None]:
    """The account has an endpoint for all states."""
    mongo = MongoStore(mongodb, DATABASE)
    await mongo.start()
    endpoints = EndpointStore(mongo)
    endpoint = Endpoint(
        id=EndpointId("wh_all"),
        account_id=ACCOUNT,
        url="https://acme.example/",
        states=(Occasion.ACCEPTED, Occasion.QUEUED),
        secrets=(),
        version=1,
        created_at=START,
    )
    await endpoints.add(endpoint)
    yield
    await endpoints.remove(ACCOUNT, endpoint.id)
    await mongo.stop(1.0)


@pytest.mark.usefixtures("asks_for_all")
async def test_messages_are_told_from_request_to_receipt(environment: Path, kafka: str, producer: Sender) -> None:
    door = Door(Sealer(FileKeyStore(environment), ManualClock(START)))
    ids = message_ids(40)
    requests, queued, submitted, receipts = zip(*[door.life(message_id) for message_id in ids], strict=True)
    lost = part_fact(FactKind.SUBMITTED, message_id=ids[0]).operator_id or ""
    orphan = receipt(operator_receipt(ReceiptState.DELIVERED, receipt_id="lost", message_id=None, operator_id=lost))
    told: dict[str, set[int]] = {message_id: set() for message_id in ids}

    async def wait_for(count: int) -> None:
        async with asyncio.timeout(60):
            while sum(map(len, told.values())) < count:
                record = await events.getone()
                event = msgspec.json.decode(record.value, type=MessageStatusChanged)
                told.get(event.message_id, set()).update(one.sequence for one in each_state(event))

    async with AIOKafkaConsumer(topics.EVENTS, bootstrap_servers=kafka, auto_offset_reset="earliest") as events:
        async with Running():
            await producer.send([as_output(record) for record in (*queued, *requests)])
            await wait_for(2 * len(ids))
            await producer.send([as_output(record) for record in submitted])
            await wait_for(3 * len(ids))
        async with Running():
            await producer.send([as_output(record) for record in (*receipts[1:], orphan)])
            await wait_for(4 * len(ids))
    assert {len(sequences) for sequences in told.values()} == {4}
