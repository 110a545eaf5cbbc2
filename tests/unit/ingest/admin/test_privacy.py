"""`/admin/privacy`: who gets through to retention, and with what."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from services.ingest.accounts.staff import Role
from services.ingest.admin.app import admin_app
from services.ingest.admin.office import Office
from services.ingest.api.owner import Owner
from shared.ids import GATEWAY
from shared.internal.token import ACTOR, HEADER, Scope, verify
from tests.unit.ingest.admin.test_books import CLOCK, SECRET, Actors

JSON = {"content-type": "application/json"}


class Listing:
    """Knows one account."""

    async def account(self, account_id: str, _: object) -> str | None:
        return account_id if account_id == "skole" else None


@pytest.fixture
def actors() -> Actors:
    actors = Actors()
    actors.role = Role.ADMIN
    return actors


@pytest.fixture
def asked() -> list[httpx.Request]:
    return []


@pytest.fixture
async def admin(actors: Actors, asked: list[httpx.Request]) -> AsyncIterator[httpx.AsyncClient]:
    def retention(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(401 if request.url.path.endswith("/proof") else 201, json={"id": "lh_1"})

    transport = httpx.MockTransport(retention)
    owner = Owner("http://retention", SECRET, CLOCK, service="retention", transport=transport)
    await owner.start()
    parts: dict[str, Any] = dict.fromkeys(Office.__struct_fields__)
    office = Office(**(parts | {"actors": actors, "retention": owner, "clock": CLOCK, "listing": Listing()}))
    door = httpx.ASGITransport(admin_app(office, "1"), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=door, base_url="http://door") as http:
        yield http
    await owner.stop(1.0)


async def test_an_administrator_gets_through_with_path_body_and_name(
    admin: httpx.AsyncClient, asked: list[httpx.Request]
) -> None:
    answered = await admin.post("/admin/privacy/holds", json={"account": "skole"})
    assert (answered.status_code, answered.json()) == (201, {"id": "lh_1"})
    (request,) = asked
    assert request.url == "http://retention/internal/privacy/holds"
    assert (request.content, request.headers[ACTOR]) == (b'{"account":"skole"}', "k1")
    claims = verify(SECRET, request.headers[HEADER], CLOCK.now())
    assert (claims.account_id, claims.scope) == (GATEWAY, Scope.PRIVACY)


@pytest.mark.parametrize("role", [Role.DESK, Role.OPERATIONS, Role.FINANCE])
async def test_others_do_not(admin: httpx.AsyncClient, actors: Actors, asked: list[httpx.Request], role: Role) -> None:
    actors.role = role
    for method in ("GET", "POST"):
        assert (await admin.request(method, "/admin/privacy/orders")).status_code == 403
    assert asked == []


@pytest.mark.parametrize("tail", ["../v1/retention", "orders/..", "orders//x", "", "holds/a/b/c"])
async def test_a_path_that_leads_elsewhere_is_not_found(
    admin: httpx.AsyncClient, asked: list[httpx.Request], tail: str
) -> None:
    assert (await admin.get(f"/admin/privacy/{tail.replace('..', '%2e%2e')}")).status_code == 404
    assert asked == []


@pytest.mark.parametrize(
    ("tail", "body"),
    [("holds", b'{"account":"skloe"}'), ("orders", b'{"account":"skloe","number":7}'), ("policies/skloe", b"")],
)
async def test_what_is_ordered_for_an_account_that_is_not_there_is_not_found(
    admin: httpx.AsyncClient, asked: list[httpx.Request], tail: str, body: bytes
) -> None:
    assert (await admin.post(f"/admin/privacy/{tail}", content=body, headers=JSON)).status_code == 404
    assert asked == []


@pytest.mark.parametrize(
    ("tail", "body"),
    [
        ("orders", b"{}"),
        ("orders", b'{"account":7}'),
        ("orders", b'{"account":"%s"}' % GATEWAY.encode()),
        ("holds/lh_1/close", b""),
        ("policies/skole", b"{}"),
    ],
)
async def test_what_names_no_account_of_anybody_is_retentions_to_judge(
    admin: httpx.AsyncClient, asked: list[httpx.Request], tail: str, body: bytes
) -> None:
    assert (await admin.post(f"/admin/privacy/{tail}", content=body, headers=JSON)).status_code == 201
    assert len(asked) == 1


async def test_an_owner_that_does_not_believe_us_is_away(admin: httpx.AsyncClient) -> None:
    answered = await admin.get("/admin/privacy/proof")
    assert (answered.status_code, answered.json()["detail"]) == (503, "retention_unavailable")
