"""A charge to the phone bill from the front door to the books, and back again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.acceptance.customer import Customer
from tests.acceptance.numbers import Numbers
from tests.acceptance.system import System
from tests.support import wait_until

SOLD = {"price": 4200, "service_code": "06002", "invoice_text": "Bussbillett"}


class Strex:
    """The simulated Strex, by its control interface."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def behave(self, **settings: Any) -> None:
        (await self._http.put("/control", json=settings)).raise_for_status()

    async def of(self, number: str) -> list[dict[str, Any]]:
        """What it has of a subscriber, but for texts with codes."""
        found = (await self._http.get("/transactions")).json()["transactions"]
        return [each for each in found if each["recipient"] == number and each["kind"] != "text"]


@pytest.fixture
async def strex(system: System) -> AsyncIterator[Strex]:
    async with httpx.AsyncClient(base_url=system.strex, trust_env=False, timeout=30.0) as http:
        before = (await http.get("/control")).json()["settings"]
        strex = Strex(http)
        yield strex
        await strex.behave(**before)


async def ask(api: Customer, what: str, **body: Any) -> dict[str, Any]:
    """Order something; the answer."""
    answer = await api.http.post(f"/v1/premium/{what}", json=SOLD | body)
    assert answer.status_code == 202, answer.text
    ordered: dict[str, Any] = answer.json()
    return ordered


async def until(api: Customer, transaction_id: str, standing: str) -> dict[str, Any]:
    """Poll until the books say so."""
    found: dict[str, Any] = {}

    async def there() -> bool:
        answer = await api.http.get(f"/v1/premium/transactions/{transaction_id}")
        found.update(answer.json())
        return answer.status_code == 200 and found["transaction"]["standing"] == standing

    await wait_until(there, 45.0, waiting_for=f"the transaction to be {standing}")
    return found


async def test_a_charge_with_a_code_is_billed_and_given_back(api: Customer, strex: Strex, numbers: Numbers) -> None:
    number = numbers.norwegian()
    code = await ask(api, "one-time-passwords", to=number, text="Koden for bussbilletten:")
    charge = await ask(api, "charges", to=number, id=code["id"], one_time_password="1234")
    assert charge["id"] == code["id"]
    billed = await until(api, charge["id"], "billed")
    assert billed["transaction"]["price"] == 4200
    assert sum(line["ore"] for entry in billed["entries"] for line in entry["lines"]) == 0

    asked = await api.http.post("/v1/premium/refunds", json={"transaction_id": charge["id"]})
    assert asked.status_code == 201, asked.text
    await until(api, charge["id"], "reversed")
    assert [(each["price"], each["posts"]) for each in await strex.of(number)] == [(4200, 1), (-4200, 1)]


async def test_a_wrong_code_charges_nobody(api: Customer, strex: Strex, numbers: Numbers) -> None:
    number = numbers.norwegian()
    code = await ask(api, "one-time-passwords", to=number)
    await ask(api, "charges", to=number, id=code["id"], one_time_password="4321")
    found = await until(api, code["id"], "not_billed")
    assert found["transaction"]["charge"]["detail"] == "OneTimePasswordFailed"
    assert found["entries"] == []


async def test_a_charge_of_which_strex_says_nothing_is_found_and_made_once(
    api: Customer, strex: Strex, numbers: Numbers
) -> None:
    await strex.behave(fault="cut_after", fault_every=1)
    number = numbers.norwegian()
    headers = {"idempotency-key": f"premium-{number}"}
    body = SOLD | {"to": number, "consent_ref": "avtale 7781"}
    ids = {(await api.http.post("/v1/premium/charges", json=body, headers=headers)).json()["id"] for _ in range(3)}
    await until(api, ids.pop(), "billed")
    assert ids == set()
    assert [each["posts"] for each in await strex.of(number)] == [1]


async def test_whoever_writes_a_keyword_gets_the_charged_reply(
    api: Customer, system: System, strex: Strex, numbers: Numbers
) -> None:
    number = numbers.norwegian()
    incoming = {"source": number, "destination": "2002", "short_message": b"TIPS".hex()}
    async with httpx.AsyncClient(base_url=system.fjord, trust_env=False) as fjord:
        assert (await fjord.post("/incoming", json=incoming)).status_code == 202
    await wait_until(lambda: _has(strex, number), 45.0, waiting_for="the charged reply")
    (reply,) = await strex.of(number)
    assert (reply["kind"], reply["price"], reply["posts"]) == ("message", 500, 1)
    found = await until(api, reply["id"], "billed")
    assert found["transaction"]["short_number"] == "2002"


async def _has(strex: Strex, number: str) -> bool:
    return bool(await strex.of(number))
