"""Management over the internal HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.dlr.webhooks.api.routes import PATH, WebhookRoutes
from services.dlr.webhooks.endpoints.endpoint import MOST_ENDPOINTS, EndpointId, Off
from services.dlr.webhooks.signing import key_of
from shared.ids import AccountId
from shared.internal.api import application
from shared.internal.token import ACTOR, HEADER, Scope, sign
from simulators.customer.behaviour import Behaviour, Manner
from simulators.customer.receiver import Receiver
from tests.integration.dlr.driving import message_ids
from tests.integration.dlr.webhooks.driving import ShiftedClock, Telling, changed, record
from tests.support import wait_until
from tests.unit.dlr.building import ACCOUNT

SECRET = b"s" * 32


class Door:
    """The front door: vouches for an account."""

    def __init__(self, http: httpx.AsyncClient, clock: ShiftedClock) -> None:
        self._http = http
        self._clock = clock

    async def ask(
        self, method: str, path: str = "", body: Any = None, *, account: str = ACCOUNT, **headers: str
    ) -> httpx.Response:
        scope = Scope.READ if method == "GET" else Scope.MANAGE
        token = sign(SECRET, AccountId(account), scope, self._clock.now())
        return await self._http.request(
            method, f"{PATH}{path}", json=body, headers={HEADER: token, ACTOR: "k1", **headers}
        )


@pytest.fixture
async def door(telling: Telling, clock: ShiftedClock) -> AsyncIterator[Door]:
    routes = WebhookRoutes(
        telling.management, telling.endpoints, telling.deliveries, telling.history, SECRET, clock
    ).routes()
    transport = httpx.ASGITransport(application(routes, away=""), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://dlr") as http:
        yield Door(http, clock)


def url(receiver: Receiver) -> str:
    return f"http://127.0.0.1:{receiver.port}/hook"


async def test_an_endpoint_from_beginning_to_end(door: Door, receiver: Receiver) -> None:
    created = await door.ask("POST", body={"url": url(receiver), "states": ["delivered", "queued", "delivered"]})
    assert created.status_code == 201
    shown = created.json()
    assert len(key_of(shown.pop("secret"))) == 32
    assert shown == {
        "id": shown["id"],
        "url": url(receiver),
        "states": ["delivered", "queued"],
        "enabled": True,
        "off": None,
        "off_since": None,
        "failing_since": None,
        "created_at": shown["created_at"],
        "created_by": "k1",
    }
    one = f"/{shown['id']}"
    assert (await door.ask("GET", one)).json() == (await door.ask("GET")).json()["webhooks"][0]
    off = (await door.ask("PATCH", one, {"enabled": False, "states": ["failed"]})).json()
    assert (off["enabled"], off["off"], off["states"]) == (False, Off.BY_CUSTOMER, ["failed"])
    on = (await door.ask("PATCH", one, {"enabled": True, "url": f"{url(receiver)}/2"})).json()
    assert (on["enabled"], on["off_since"], on["url"]) == (True, None, f"{url(receiver)}/2")
    assert (await door.ask("DELETE", one)).status_code == 204
    assert (await door.ask("DELETE", one)).status_code == 404
    assert (await door.ask("GET")).json() == {"webhooks": []}


async def test_another_accounts_endpoint_does_not_exist(door: Door, receiver: Receiver) -> None:
    endpoint = (await door.ask("POST", body={"url": url(receiver)})).json()["id"]
    for method, path, body in [
        ("GET", "", None),
        ("PATCH", "", {"enabled": False}),
        ("DELETE", "", None),
        ("POST", "/rotate-secret", None),
        ("POST", "/test", None),
        ("GET", "/deliveries", None),
        ("POST", "/deliveries/whd_1/replay", None),
    ]:
        response = await door.ask(method, f"/{endpoint}{path}", body, account="other")
        assert (response.status_code, response.json()["code"]) == (404, "not_found")
    for name in ("callbacks", f"callbacks.{ACCOUNT}", "no-such"):
        assert (await door.ask("GET", f"/{name}", account="other")).status_code == 404
    assert (await door.ask("GET", account="other")).json() == {"webhooks": []}


@pytest.mark.parametrize("token", ["", "nonsense"])
async def test_nobody_comes_in_without_a_token_of_ours(door: Door, token: str) -> None:
    response = await door.ask("GET", **{HEADER: token})
    assert (response.status_code, response.json()["code"]) == (401, "unauthorized")


async def test_a_fault_is_a_problem_that_names_the_field(door: Door, receiver: Receiver) -> None:
    response = await door.ask("POST", body={"url": "http://169.254.169.254/"})
    assert (response.status_code, response.headers["content-type"]) == (422, "application/problem+json")
    assert [(error["pointer"], error["code"]) for error in response.json()["errors"]] == [("/url", "invalid_url")]
    assert "169" not in response.text
    endpoint = (await door.ask("POST", body={"url": url(receiver)})).json()["id"]
    response = await door.ask("PATCH", f"/{endpoint}", {"secret": "x"})
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "/secret")
    for query in ("state=lost", "limit=0", "limit=x", "limit=1000", "cursor=x", "page=2", "limit=1&limit=2"):
        assert (await door.ask("GET", f"/{endpoint}/deliveries?{query}")).status_code == 422


async def test_an_account_has_so_many_endpoints(door: Door, receiver: Receiver) -> None:
    for _ in range(MOST_ENDPOINTS):
        assert (await door.ask("POST", body={"url": url(receiver)})).status_code == 201
    response = await door.ask("POST", body={"url": url(receiver)})
    assert (response.status_code, response.json()["code"]) == (409, "too_many_endpoints")


async def test_an_old_secret_signs_for_another_day(door: Door, receiver: Receiver, clock: ShiftedClock) -> None:
    created = (await door.ask("POST", body={"url": url(receiver)})).json()
    rotated = (await door.ask("POST", f"/{created['id']}/rotate-secret")).json()
    assert rotated["secret"] != created["secret"]
    await door.ask("POST", f"/{created['id']}/test")
    clock.ahead += timedelta(hours=24, seconds=1)
    await door.ask("POST", f"/{created['id']}/test")
    signatures = [one.headers["webhook-signature"].split() for one in receiver.deliveries]
    assert [len(each) for each in signatures] == [2, 1]


async def test_callbacks_have_a_secret_once_it_is_asked_for(door: Door, telling: Telling) -> None:
    first = (await door.ask("POST", "/callbacks/rotate-secret")).json()["secret"]
    second = (await door.ask("POST", "/callbacks/rotate-secret")).json()["secret"]
    known = (await telling.view.of([ACCOUNT]))[ACCOUNT]
    assert [key.octets for key in known.callback_keys] == [key_of(second), key_of(first)]
    assert (await door.ask("GET")).json() == {"webhooks": []}
    assert (await door.ask("GET", "/callbacks/deliveries?state=parked")).json() == {"deliveries": [], "cursor": None}


async def test_changes_at_once_are_all_made(door: Door, receiver: Receiver) -> None:
    endpoint = (await door.ask("POST", body={"url": url(receiver)})).json()["id"]
    await asyncio.gather(
        door.ask("PATCH", f"/{endpoint}", {"states": ["failed"]}),
        door.ask("PATCH", f"/{endpoint}", {"enabled": False}),
        door.ask("POST", f"/{endpoint}/rotate-secret"),
    )
    shown = (await door.ask("GET", f"/{endpoint}")).json()
    assert (shown["states"], shown["enabled"]) == (["failed"], False)


@pytest.mark.parametrize(
    ("behaviour", "delivered", "status", "failure"),
    [
        (Behaviour(), True, 200, None),
        (Behaviour(status=500), False, 500, None),
        (Behaviour(manner=Manner.HANG), False, None, "timeout"),
    ],
)
async def test_a_test_event_says_what_came_of_it(
    door: Door, receiver: Receiver, behaviour: Behaviour, delivered: bool, status: int | None, failure: str | None
) -> None:
    receiver.behaviour = behaviour
    endpoint = (await door.ask("POST", body={"url": url(receiver)})).json()["id"]
    answer = (await door.ask("POST", f"/{endpoint}/test")).json()
    assert (answer["delivered"], answer["status"], answer["failure"]) == (delivered, status, failure)
    assert receiver.deliveries[0].headers["webhook-id"] == answer["id"]
    assert (await door.ask("GET", f"/{endpoint}/deliveries")).json() == {"deliveries": [], "cursor": None}


async def test_history_shows_all_kinds_and_replays_what_failed(
    door: Door, telling: Telling, receiver: Receiver, clock: ShiftedClock
) -> None:
    endpoint = (await door.ask("POST", body={"url": url(receiver)})).json()["id"]
    ids = message_ids(3)
    for number, behaviour in enumerate([Behaviour(), Behaviour(status=500), Behaviour(status=503)]):
        receiver.behaviour = behaviour
        await telling.handle([record(changed(telling.sealer, ids[number]))])
        await wait_until(lambda number=number: len(telling.finished) == number + 1)  # type: ignore[misc]

    async def shown(state: str = "") -> list[dict[str, Any]]:
        found = (await door.ask("GET", f"/{endpoint}/deliveries{state}")).json()["deliveries"]
        return [one for one in found if isinstance(one, dict)]

    async def all_there() -> bool:
        return [one["state"] for one in await shown()] == ["parked", "parked", "delivered"]

    await wait_until(all_there)
    assert [one["status"] for one in await shown("?state=parked")] == [503, 500]
    assert [one["message_id"] for one in await shown("?state=delivered")] == [ids[0]]
    pages = [(await door.ask("GET", f"/{endpoint}/deliveries?limit=1")).json()]
    while (cursor := pages[-1]["cursor"]) is not None:
        pages.append((await door.ask("GET", f"/{endpoint}/deliveries?limit=1&cursor={cursor}")).json())
    assert [one["id"] for one_page in pages for one in one_page["deliveries"]] == [one["id"] for one in await shown()]
    assert [len(one_page["deliveries"]) for one_page in pages] == [1, 1, 1]
    newest = (await shown())[0]
    assert newest["next_at"] > newest["at"]
    receiver.behaviour = Behaviour()
    assert (await door.ask("POST", f"/{endpoint}/deliveries/{newest['id']}/replay")).status_code == 202
    assert await telling.sweeper.sweep() == 1
    await wait_until(lambda: receiver.count == 4)
    assert (await door.ask("POST", f"/{endpoint}/deliveries/whd_none/replay")).status_code == 404


async def test_notices_name_what_we_switched_off(door: Door, telling: Telling, receiver: Receiver) -> None:
    endpoint = (await door.ask("POST", body={"url": url(receiver)})).json()["id"]
    at = telling.clock.now()
    assert await telling.endpoints.switch_off(EndpointId(endpoint), 1, Off.FAILING, at)
    assert not await telling.endpoints.switch_off(EndpointId(endpoint), 1, Off.FAILING, at)
    notices = (await door.ask("GET", "/notices")).json()["notices"]
    assert [(notice["endpoint_id"], notice["reason"]) for notice in notices] == [(endpoint, "failing")]
    assert (await door.ask("GET", f"/{endpoint}")).json()["off"] == "failing"
