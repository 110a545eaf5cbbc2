"""Who stands behind the door: the role `api` of dlr, in this process."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import SystemRandom

import pytest
from prometheus_client import CollectorRegistry

from services.dlr.api.role import build_api
from services.dlr.inbound.keyword import Number
from services.dlr.inbound.message import InboundMessage
from services.dlr.inbound.store import InboundStore
from services.dlr.status.store import DATABASE
from services.dlr.webhooks.delivery.delivery import Delivery, Standing, delivery_id
from services.dlr.webhooks.delivery.store import DeliveryStore, parked
from services.dlr.webhooks.endpoints.endpoint import EndpointId
from services.dlr.webhooks.endpoints.occasion import Occasion
from shared.contracts.inbound import InboundCoding, InboundId
from shared.http import HttpServer
from shared.ids import AccountId, MessageId
from shared.kafka.metrics import KafkaMetrics
from shared.privacy.sealing import Sealed
from shared.service import Context
from shared.stores.mongodb import MongoStore
from simulators.customer.receiver import Receiver
from tests.integration.ingest.api.conftest import CLOCK, SECRET


class Behind:
    """The owner of the message log and of webhooks, at `url`; and a customer's server, at `receiver`."""

    def __init__(self, url: str, receiver: str, mongo: MongoStore) -> None:
        self.url = url
        self.receiver = receiver
        self._deliveries = DeliveryStore(mongo)
        self._inbound = InboundStore(mongo)

    async def park(self, account: AccountId, endpoint: str) -> str:
        """Park a delivery; its id."""
        now = CLOCK.now()
        delivery = Delivery(
            id=delivery_id("e:1", EndpointId(endpoint), None),
            account_id=account,
            endpoint_id=EndpointId(endpoint),
            channel=endpoint,
            event_id="e:1",
            message_id=MessageId("019a8f3c-5d7e-7c1a-9b2d-3e4f5a6b0002"),
            state=Occasion.DELIVERED,
            payload=b"",
            created_at=now,
            first_at=now,
            standing=Standing.PARKED,
            attempts=1,
            due=now,
        )
        await self._deliveries.write([parked(delivery)])
        return delivery.id

    async def number(self, number: str, account: AccountId) -> None:
        """Give a number to an account."""
        await self._inbound.put_number(Number(number=number, account_id=account, created_at=CLOCK.now()))

    async def incoming(self, account: AccountId) -> str:
        """Keep an incoming message; its id. What it held is erased."""
        now = CLOCK.now()
        name = InboundId(secrets.token_hex(16))
        nothing = Sealed(b"\x01\x00\x01" + bytes(28))
        message = InboundMessage(
            id=name,
            delivered_as=name,
            received_at=now,
            operator="fjord",
            to="2012",
            from_=nothing,
            content=nothing,
            coding=InboundCoding.GSM7,
            pseudonym="2026:00",
            account_id=account,
        )
        await self._inbound.keep([message])
        return name

    async def keep_no_keywords(self, account: AccountId) -> None:
        """Let the next account have them."""
        for keyword in await self._inbound.keywords_of(account):
            await self._inbound.remove_keyword(account, keyword.id)


@asynccontextmanager
async def open_owner(
    kafka: str, mongodb: str, valkey: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Behind]:
    """Start the role, and a customer's server that takes everything."""
    secret = folder / "internal-secret"
    secret.write_text(SECRET)
    for name, value in {
        "HEALTH_PORT": "0",
        "DLR_API_PORT": "0",
        "KAFKA": kafka,
        "MONGODB": mongodb,
        "VALKEY": valkey,
        "KEY_STORE": str(folder / "keys"),
        "INTERNAL_SECRET": str(secret),
        "WEBHOOK_PRIVATE": "true",
    }.items():
        monkeypatch.setenv(f"BUDSTIKKE_{name}", value)
    registry = CollectorRegistry()
    components = build_api(
        Context(clock=CLOCK, random=SystemRandom(), registry=registry, kafka_metrics=KafkaMetrics(registry))
    )
    receiver, mongo = Receiver(), MongoStore(mongodb, DATABASE)
    started = []
    try:
        for component in (receiver, mongo, *components):
            await component.start()
            started.append(component)
        server = components[-1]
        assert isinstance(server, HttpServer)
        yield Behind(f"http://127.0.0.1:{server.port}", f"http://127.0.0.1:{receiver.port}/sms", mongo)
    finally:
        for component in reversed(started):
            await component.stop(5.0)
