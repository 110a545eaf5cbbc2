"""A person whom a whole running system knows of everywhere."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from zoneinfo import ZoneInfo

import httpx
import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from deploy.local.ports import free_port
from shared.contracts import topics
from shared.contracts.words import Lane
from shared.ids import MessageId, partition_of
from simulators.customer.receiver import Receiver
from tests.acceptance.customer import Customer
from tests.acceptance.numbers import Numbers
from tests.acceptance.system import System

CANARY = "+4793748263"
TEXTS = ("Glem meg", "Glem meg i morgen tidlig", "Husker dere meg")
REQUESTS = topics.requests(Lane.STANDARD)


class Known(msgspec.Struct, frozen=True):
    """Ids: of messages that arrived, and that wait for their time; of endpoints that were told, and that are away."""

    message: str
    scheduled: str
    told: str
    away: str


async def be_everywhere(
    system: System, api: Customer, staff: httpx.AsyncClient, numbers: Numbers, receiver: Receiver
) -> Known:
    """Let the person be in every store that there is: sent to, held, scheduled, charged, heard, in dead letters, told
    of at the receiver and at an endpoint that does not answer.
    """
    urls = [f"http://127.0.0.1:{port}/sms" for port in (receiver.port, free_port())]
    states = {"states": ["delivered", "received", "held", "scheduled"]}
    told, away = [(await api.http.post("/v1/webhooks", json={"url": url} | states)).json()["id"] for url in urls]
    async with night(staff):
        while not (receiver.count and await parked(api, away) and await _is_night(api, numbers)):
            # What happens within a second of its making may not be told to an endpoint.
            await api.delivered(await api.send_one(numbers.norwegian(), "Hei"))
        scheduled = await api.send_one(CANARY, TEXTS[1], category="marketing")
        await api.until(scheduled, "scheduled")
    keys = [{"idempotency-key": secrets.token_hex(8)} for _ in range(2)]
    body = {"to": CANARY, "text": TEXTS[0], "reference": "kanari 62951"}
    sent = await api.http.post("/v1/messages", json=body, headers=keys[0])
    message_id = str(sent.json()["messages"][0]["id"])
    held = await api.send_one(CANARY, f"Se https://d{secrets.token_hex(6)}.no")
    sold = {"price": 1000, "service_code": "06002", "invoice_text": "Buss", "consent_ref": "avtale"}
    charge = await api.http.post("/v1/premium/charges", json=sold | {"to": CANARY}, headers=keys[1])
    assert charge.status_code == 202, charge.text
    async with httpx.AsyncClient(base_url=system.fjord, trust_env=False) as fjord:
        for number in ("2002", "2999"):
            said = {"source": CANARY, "destination": number, "text": TEXTS[2]}
            assert (await fjord.post("/incoming", json=said)).status_code == 202
    await api.until(held, "held")
    await api.delivered(message_id)
    await _set_aside(system, message_id)
    return Known(message=message_id, scheduled=scheduled, told=told, away=away)


@asynccontextmanager
async def night(staff: httpx.AsyncClient) -> AsyncIterator[None]:
    """The account's quiet hours are now, and for another hour at least."""
    before = (await staff.get("/admin/accounts/demo")).json()["quiet_hours"]
    hour = datetime.now(ZoneInfo("Europe/Oslo")).hour
    for_now = {"from": hour, "to": (hour + 2) % 24}
    assert (await staff.patch("/admin/accounts/demo", json={"quiet_hours": for_now})).status_code == 200
    try:
        yield
    finally:
        assert (await staff.patch("/admin/accounts/demo", json={"quiet_hours": before})).status_code == 200


async def parked(api: Customer, endpoint: str) -> set[str]:
    """The messages of which an endpoint is still to be told."""
    return await _deliveries(api, endpoint, "parked")


async def heard(api: Customer, endpoint: str) -> set[str]:
    """The messages of which an endpoint was told."""
    return await _deliveries(api, endpoint, "delivered")


async def _deliveries(api: Customer, endpoint: str, state: str) -> set[str]:
    answer = await api.http.get(f"/v1/webhooks/{endpoint}/deliveries", params={"limit": 100})
    assert CANARY[3:] not in answer.text
    return {one["message_id"] for one in answer.json()["deliveries"] if one["state"] == state}


async def _is_night(api: Customer, numbers: Numbers) -> bool:
    """Whether screening knows of the quiet hours."""
    message_id = await api.send_one(numbers.norwegian(), "Hei", category="marketing")
    waits = bool((await api.until(message_id, "scheduled", "delivered"))["state"] == "scheduled")
    if waits:
        assert (await api.http.delete(f"/v1/messages/{message_id}")).status_code == 200
    return waits


async def _set_aside(system: System, message_id: str) -> None:
    """Let the message's request come once more without saying what it is: its readers make dead letters of it."""
    place = TopicPartition(REQUESTS, partition_of(MessageId(message_id), topics.LOCAL.message_partitions))
    async with AIOKafkaConsumer(bootstrap_servers=system.kafka) as consumer:
        consumer.assign([place])
        await consumer.seek_to_beginning()
        while (record := await consumer.getone()).key != message_id.encode():
            pass
    headers = [(name, value) for name, value in record.headers if name != "ce_type"]
    async with AIOKafkaProducer(bootstrap_servers=system.kafka) as producer:
        await producer.send_and_wait(REQUESTS, record.value, record.key, place.partition, headers=headers)
