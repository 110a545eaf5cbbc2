"""What people write to the account, from the handset to the reply, the webhook, and the end of all messages."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from simulators.customer.receiver import Delivery, Receiver
from tests.acceptance.customer import DELIVER, Customer
from tests.acceptance.numbers import Numbers
from tests.acceptance.smsc import Smsc, text_of
from tests.acceptance.system import System
from tests.support import wait_until

SHORT = "2002"


class Handset:
    """Somebody's telephone."""

    def __init__(self, http: httpx.AsyncClient, smsc: Smsc, number: str) -> None:
        self._http = http
        self._smsc = smsc
        self.number = number

    async def says(self, text: str, **fields: Any) -> None:
        body = {"source": self.number, "destination": SHORT, "text": text, **fields}
        assert (await self._http.post("/incoming", json=body)).status_code == 202

    async def gets(self, *texts: str) -> None:
        """Wait for exactly these, in any order."""

        async def there() -> bool:
            return sorted(await self.read()) == sorted(texts)

        await wait_until(there, DELIVER, waiting_for=f"{len(texts)} messages on the handset")

    async def read(self) -> list[str]:
        return [text_of([part]) for part in await self._smsc.taken_for(self.number)]


@pytest.fixture
async def handset(system: System, fjord: Smsc, numbers: Numbers) -> AsyncIterator[Handset]:
    async with httpx.AsyncClient(base_url=system.fjord, trust_env=False) as http:
        yield Handset(http, fjord, numbers.norwegian())


def told(receiver: Receiver) -> list[Delivery]:
    """What the endpoint was told of incoming messages."""
    return [one for one in receiver.deliveries if json.loads(one.body)["type"] == "message.received"]


async def test_a_keyword_is_answered_and_told_to_the_endpoint_once(
    api: Customer, handset: Handset, numbers: Numbers
) -> None:
    receiver = Receiver()
    await receiver.start()
    url = f"http://127.0.0.1:{receiver.port}/sms"
    endpoint = (await api.http.post("/v1/webhooks", json={"url": url, "states": ["received", "delivered"]})).json()[
        "id"
    ]
    keyword = {"number": SHORT, "keyword": "Påmelding", "reply": "Velkommen!"}
    made = (await api.http.post("/v1/keywords", json=keyword)).json()["id"]
    try:
        while not receiver.count:  # what happens within a second of its making may not be told to an endpoint
            await api.delivered(await api.send_one(numbers.norwegian(), "Hei"))
        for _ in range(2):  # an operator that has no answer in time delivers again
            await handset.says("påmelding Kari", reference=4711)
        await handset.gets("Velkommen!")
        await wait_until(lambda: len(told(receiver)) > 0, DELIVER)
        body = json.loads(told(receiver)[0].body)
        assert (body["type"], body["data"]["from"], body["data"]["text"]) == (
            "message.received",
            handset.number,
            "påmelding Kari",
        )
        await api.until(body["data"]["reply_id"], "delivered")
        listed = (await api.http.get("/v1/inbound?limit=50")).json()["messages"]
        assert [one["id"] for one in listed if one["from"] == handset.number] == [body["data"]["id"]]
        assert len({delivery.headers["webhook-id"] for delivery in told(receiver)}) == 1
    finally:
        await api.http.delete(f"/v1/webhooks/{endpoint}")
        await api.http.delete(f"/v1/keywords/{made}")
        await receiver.stop(5.0)


async def test_stop_ends_all_messages_with_one_confirmation_until_the_person_consents_anew(
    api: Customer, handset: Handset
) -> None:
    for word in ("STOPP", "Stop.", "stopp nå"):
        await handset.says(word)
    await handset.gets("Du er meldt av. Du får ikke flere SMS fra oss.")

    async def opted_out() -> str | None:
        page = (await api.http.get("/v1/opt-outs?limit=500")).json()
        return next((one["id"] for one in page["opt_outs"] if one["to"] == handset.number), None)

    opt_out = await opted_out()
    assert opt_out is not None

    async def refused() -> bool:
        answer = await api.http.post("/v1/messages", json={"to": handset.number, "text": "Hei", "test": True})
        return answer.status_code == 422 and answer.json()["errors"][0]["code"] == "opted_out"

    await wait_until(refused, DELIVER)
    assert len(await handset.read()) == 1

    assert (await api.http.delete(f"/v1/opt-outs/{opt_out}")).status_code == 204
    await wait_until(lambda: _taken(api, handset.number), DELIVER)
    await handset.gets("Du er meldt av. Du får ikke flere SMS fra oss.", "Hei igjen")


async def _taken(api: Customer, number: str) -> bool:
    answer = await api.http.post("/v1/messages", json={"to": number, "text": "Hei igjen"})
    return answer.status_code == 202
