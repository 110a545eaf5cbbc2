"""`/admin/books`: who gets through to the owner of the books, and with what."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from starlette.requests import Request

from services.ingest.accounts.staff import PERMISSIONS, Actor, Permission, Role
from services.ingest.admin.app import admin_app
from services.ingest.admin.office import Office
from services.ingest.admin.problems import NotPermitted
from services.ingest.api.owner import Owner
from shared.clock import ManualClock
from shared.ids import GATEWAY
from shared.internal.token import ACTOR, HEADER, Scope, verify

SECRET = b"s" * 32
CLOCK = ManualClock(datetime(2026, 11, 23, 8, tzinfo=UTC))


class Actors:
    """Everybody has this role."""

    def __init__(self) -> None:
        self.role = Role.FINANCE

    def needs(self, permission: Permission) -> Callable[[Request], Awaitable[Actor]]:
        async def caller(_: Request) -> Actor:
            if permission not in PERMISSIONS[self.role]:
                raise NotPermitted(permission)
            return Actor("k1", self.role, "Kari", None, PERMISSIONS[self.role])

        return caller


class Billing:
    """The owner."""

    def __init__(self) -> None:
        self.asked: list[httpx.Request] = []
        self.answer = httpx.Response(200, json={"month": "2026-10"})

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return self.answer


@pytest.fixture
def actors() -> Actors:
    return Actors()


@pytest.fixture
def billing() -> Billing:
    return Billing()


@pytest.fixture
async def admin(actors: Actors, billing: Billing) -> AsyncIterator[httpx.AsyncClient]:
    books = Owner("http://billing", SECRET, CLOCK, service="billing", transport=httpx.MockTransport(billing))
    await books.start()
    parts: dict[str, Any] = dict.fromkeys(Office.__struct_fields__)
    office = Office(**(parts | {"actors": actors, "books": books, "clock": CLOCK}))
    transport = httpx.ASGITransport(admin_app(office, "1"), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://door") as http:
        yield http
    await books.stop(1.0)


async def test_finance_gets_through_with_path_query_body_and_name(admin: httpx.AsyncClient, billing: Billing) -> None:
    answered = await admin.post("/admin/books/premium/months/2026-10/receive?x=1", json={"amount": 1})
    assert (answered.status_code, answered.json()) == (200, {"month": "2026-10"})
    (asked,) = billing.asked
    assert asked.url == "http://billing/internal/finance/premium/months/2026-10/receive?x=1"
    assert (asked.content, asked.headers[ACTOR]) == (b'{"amount":1}', "k1")
    claims = verify(SECRET, asked.headers[HEADER], CLOCK.now())
    assert (claims.account_id, claims.scope) == (GATEWAY, Scope.FINANCE)


@pytest.mark.parametrize("role", [Role.DESK, Role.OPERATIONS])
async def test_others_of_the_staff_do_not_reach_the_books(
    admin: httpx.AsyncClient, actors: Actors, billing: Billing, role: Role
) -> None:
    actors.role = role
    for method in ("GET", "POST"):
        answered = await admin.request(method, "/admin/books/premium/months/2026-10/close")
        assert (answered.status_code, answered.json()["code"]) == (403, "not_permitted")
    assert billing.asked == []


@pytest.mark.parametrize("tail", ["../v1/premium/refunds", "premium/..", "premium//x", "", "a/b/c/d/e/f"])
async def test_a_path_that_leads_elsewhere_is_not_found(admin: httpx.AsyncClient, billing: Billing, tail: str) -> None:
    answered = await admin.get(f"/admin/books/{tail.replace('..', '%2e%2e')}")
    assert answered.status_code == 404
    assert billing.asked == []


@pytest.mark.parametrize("status", [401, 403])
async def test_an_owner_that_does_not_believe_us_is_away(
    admin: httpx.AsyncClient, billing: Billing, status: int
) -> None:
    billing.answer = httpx.Response(status)
    answered = await admin.get("/admin/books/premium/transactions")
    assert (answered.status_code, answered.json()["detail"]) == (503, "books_unavailable")


async def test_what_the_owner_refuses_is_passed_on(admin: httpx.AsyncClient, billing: Billing) -> None:
    billing.answer = httpx.Response(409, json={"code": "month_not_over"})
    answered = await admin.post("/admin/books/premium/months/2026-11/close")
    assert (answered.status_code, answered.json()) == (409, {"code": "month_not_over"})
