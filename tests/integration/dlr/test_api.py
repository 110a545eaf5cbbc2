"""Internal reads of the message log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from services.dlr.api.messages import MessageReads
from services.dlr.status.store import MessageStore
from shared.clock import ManualClock
from shared.errors import TryLater
from shared.ids import AccountId, MessageId
from shared.internal.api import application
from shared.internal.token import HEADER, LIFETIME, Scope, sign
from shared.privacy.keys import FileKeyStore, quarter_of
from shared.privacy.sealing import Sealer
from tests.integration.dlr.driving import NUMBER, TEXT, Door, Role, message_ids
from tests.unit.dlr.building import ACCOUNT, START

SECRET = b"s" * 32
ID = message_ids(1)[0]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
async def client(store: MessageStore, keys: FileKeyStore, clock: ManualClock) -> AsyncIterator[httpx.AsyncClient]:
    reads = MessageReads(store, Sealer(keys, clock), SECRET, clock)
    transport = httpx.ASGITransport(application(reads.routes(), away=""), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://dlr") as client:
        yield client


async def read(client: httpx.AsyncClient, message_id: str = ID, account: str = ACCOUNT) -> httpx.Response:
    token = sign(SECRET, AccountId(account), Scope.READ, START)
    return await client.get(f"/internal/v1/messages/{message_id}", headers={HEADER: token})


async def test_a_delivered_message_is_shown_whole(role: Role, door: Door, client: httpx.AsyncClient) -> None:
    await role.handle(door.life(ID))
    response = await read(client)
    assert response.status_code == 200
    body: dict[str, Any] = response.json()
    history, parts = body.pop("history"), body.pop("part_states")
    assert body == {
        "id": ID,
        "to": NUMBER,
        "from": "Acme",
        "text": TEXT,
        "reference": "order 7",
        "state": "delivered",
        "final": True,
        "reason": None,
        "permanent": None,
        "parts": 1,
        "coding": "gsm7",
        "lane": "standard",
        "category": "transactional",
        "test": False,
        "requested_at": "2026-11-23T08:00:00.123000Z",
        "valid_until": "2026-11-25T08:00:00.123000Z",
        "charge": {"parts": 1, "country": "NO"},
        "erased": False,
    }
    assert [step["state"] for step in history] == ["accepted", "queued", "submitted", "delivered"]
    assert history[0] == {"state": "accepted", "at": "2026-11-23T08:00:00.123000Z", "reason": None}
    assert [(part["part"], part["state"], part["operator"], part["operator_code"]) for part in parts] == [
        (1, "delivered", "fjord", "034")
    ]


async def test_a_message_of_a_moment_ago_has_its_parts_by_measure(
    role: Role, door: Door, client: httpx.AsyncClient
) -> None:
    await role.handle([door.request(ID)])
    body = (await read(client)).json()
    assert (body["state"], body["final"], body["parts"], body["charge"]) == ("accepted", False, 1, None)


@pytest.mark.parametrize(
    ("message_id", "account"), [(ID, "other"), (message_ids(2)[1], ACCOUNT), ("no id at all", ACCOUNT)]
)
async def test_what_is_not_the_accounts_does_not_exist(
    role: Role, door: Door, client: httpx.AsyncClient, message_id: str, account: str
) -> None:
    await role.handle(door.life(ID))
    response = await read(client, message_id, account)
    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert response.headers["content-type"] == "application/problem+json"


async def test_a_message_without_its_request_does_not_exist(role: Role, door: Door, client: httpx.AsyncClient) -> None:
    await role.handle(door.life(ID)[1:])
    assert (await read(client)).status_code == 404


@pytest.mark.parametrize("header", [{}, {HEADER: "nonsense"}, {HEADER: sign(b"t" * 32, ACCOUNT, Scope.READ, START)}])
async def test_nobody_reads_without_a_token_of_ours(client: httpx.AsyncClient, header: dict[str, str]) -> None:
    response = await client.get(f"/internal/v1/messages/{ID}", headers=header)
    assert (response.status_code, response.json()["code"]) == (401, "unauthorized")


async def test_a_token_is_good_for_seconds(
    role: Role, door: Door, client: httpx.AsyncClient, clock: ManualClock
) -> None:
    await role.handle(door.life(ID))
    clock.advance(LIFETIME.total_seconds() + 1)
    assert (await read(client)).status_code == 401


async def test_an_erased_message_keeps_its_history(
    role: Role, door: Door, client: httpx.AsyncClient, keys: FileKeyStore
) -> None:
    await role.handle(door.life(ID))
    keys.destroy(ACCOUNT, quarter_of(START))
    body = (await read(client)).json()
    assert (body["erased"], body["to"], body["text"], body["coding"]) == (True, None, None, None)
    assert (body["state"], body["parts"]) == ("delivered", 1)


async def test_without_the_database_it_says_so(
    client: httpx.AsyncClient, store: MessageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(account: AccountId, message_id: MessageId) -> None:
        raise TryLater("mongodb_unavailable", "away")

    monkeypatch.setattr(store, "one_of", away)
    response = await read(client)
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
