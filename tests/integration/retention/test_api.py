"""The internal HTTP of retention: what is asked wrongly is refused by its place, and nothing is done."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from services.retention.api.problems import KINDS, MOST_OCTETS
from services.retention.api.routes import RetentionRoutes
from shared.ids import GATEWAY, AccountId
from shared.internal.api import Guard, application
from shared.internal.token import ACTOR, HEADER, Scope, sign
from tests.integration.retention.conftest import ACCOUNT, Retention

SECRET = b"s" * 32
NUMBER = "+4790000001"
OTHER = AccountId("other")
SEES_AND_CHANGES = ("holds", "orders", "policies", "proof")


class Api:
    """The routes, asked with a token of a scope."""

    def __init__(self, retention: Retention, http: httpx.AsyncClient) -> None:
        self._retention = retention
        self._http = http

    async def __call__(
        self, method: str, path: str, body: object = None, *, scope: Scope = Scope.MANAGE, account: AccountId = ACCOUNT
    ) -> tuple[int, Any]:
        token = sign(SECRET, account, scope, self._retention.clock.now())
        headers = {HEADER: token, ACTOR: "k_demo"}
        content = body if isinstance(body, bytes) else None
        sent = {"content": content} if content is not None else {"json": body}
        answer = await self._http.request(method, f"/internal{path}", headers=headers, **sent)  # type: ignore[arg-type]
        return answer.status_code, answer.json()

    async def staff(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        return await self(method, f"/privacy/{path}", body, scope=Scope.PRIVACY, account=GATEWAY)

    async def kept(self) -> dict[str, int]:
        """How many rows each collection has."""
        database = self._retention.mongo.database
        return {name: await database[name].count_documents({}) for name in (*SEES_AND_CHANGES, "audit")}


@pytest.fixture
async def api(retention: Retention) -> AsyncIterator[Api]:
    routes = RetentionRoutes(retention.commands, retention.store, retention.chain)
    app = application(routes.routes(Guard(SECRET, retention.clock, KINDS)), away="")
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://retention") as http:
        yield Api(retention, http)


@pytest.mark.parametrize(
    ("body", "code", "errors"),
    [
        ({"months": 2}, "invalid_retention", [("/months", "out_of_range")]),
        ({"months": 121, "reason": "the law"}, "invalid_retention", [("/months", "out_of_range")]),
        ({"months": 19}, "invalid_retention", [("/reason", "reason_missing")]),
        ({"months": 24, "reason": " "}, "invalid_retention", [("/reason", "reason_missing")]),
        ({"months": "18"}, "invalid_request", [("/months", "invalid_value")]),
        ({"months": 18, "reason": "x" * 501}, "invalid_request", [("/reason", "invalid_value")]),
        ({}, "invalid_request", [("", "invalid_value")]),
        ({"months": 18, "for": NUMBER}, "invalid_request", [("", "invalid_value")]),
    ],
)
async def test_a_period_that_cannot_be_is_refused_by_its_field_whoever_sets_it(
    api: Api, retention: Retention, body: dict[str, Any], code: str, errors: list[tuple[str, str]]
) -> None:
    for ask in (api("PUT", "/v1/retention", body), api.staff("POST", f"policies/{ACCOUNT}", body)):
        status, refused = await ask
        assert (status, refused["code"]) == (422, code)
        assert [(one["pointer"], one["code"]) for one in refused["errors"]] == errors
        assert NUMBER not in str(refused)
    assert (await api("GET", "/v1/retention", scope=Scope.READ))[1]["months"] == 18
    assert set((await api.kept()).values()) == {0}


async def test_who_set_a_period_and_why_is_on_record(api: Api, retention: Retention) -> None:
    assert (await api("PUT", "/v1/retention", {"months": 24, "reason": "complaints"}))[0] == 200
    (line,) = await retention.mongo.database["audit"].find({}, {"_id": 0, "at": 0}).to_list(None)
    assert line == {"actor": "k_demo", "account_id": ACCOUNT, "what": "retention", "months": 24, "reason": "complaints"}


@pytest.mark.parametrize("query", ["dry_run=yes", "dryrun=true", "dry_run=true&dry_run=true"])
async def test_a_trial_that_is_misspelt_sets_nothing(api: Api, query: str) -> None:
    status, refused = await api("PUT", f"/v1/retention?{query}", {"months": 3})
    assert (status, refused["errors"][0]["code"]) == (422, "unknown_field")
    assert set((await api.kept()).values()) == {0}


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("orders", {"account": ACCOUNT, "number": "4711"}, "/number"),
        ("orders", {"account": ACCOUNT, "number": NUMBER, "basis": "because"}, "/basis"),
        ("orders", {"account": "no account", "number": NUMBER}, "/account"),
        ("orders", {"number": NUMBER}, ""),
        ("holds", {"account": ACCOUNT, "reason": "curiosity"}, "/reason"),
        ("holds", {"account": ACCOUNT}, ""),
        ("holds", {"account": ACCOUNT, "reason": "dispute", "number": "4711"}, "/number"),
        ("holds", b"{", ""),
    ],
)
async def test_an_order_or_a_hold_that_cannot_be_is_refused_and_nothing_is_kept(
    api: Api, path: str, body: object, pointer: str
) -> None:
    status, refused = await api.staff("POST", path, body)
    assert (status, refused["code"]) == (422, "invalid_request")
    assert [one["pointer"] for one in refused["errors"]] == [pointer]
    assert "4711" not in str(refused)
    assert "90000001" not in str(refused)
    assert set((await api.kept()).values()) == {0}


async def test_a_body_that_is_too_large_is_refused(api: Api) -> None:
    status, refused = await api("POST", "/v1/privacy/requests", b" " * (MOST_OCTETS + 1))
    assert (status, refused["code"]) == (413, "body_too_large")


@pytest.mark.parametrize(
    "path",
    ["orders?state=lost", "orders?stat=open", "orders?state=open&state=open", "holds?closed=1", "proof?after=-1"],
)
async def test_a_query_that_cannot_be_is_refused(api: Api, path: str) -> None:
    status, refused = await api.staff("GET", path)
    assert (status, refused["code"]) == (422, "invalid_request")


async def test_what_is_not_there_or_is_anothers_is_not_found(api: Api) -> None:
    _, asked = await api("POST", "/v1/privacy/requests", {"number": NUMBER})
    assert (await api("GET", f"/v1/privacy/requests/{asked['id']}", scope=Scope.READ))[0] == 200
    for ask in (
        api("GET", f"/v1/privacy/requests/{asked['id']}", scope=Scope.READ, account=OTHER),
        api("GET", "/v1/privacy/requests/erase-1", scope=Scope.READ),
        api.staff("GET", "orders/erase-1"),
        api.staff("POST", "holds/lh_1/close"),
    ):
        status, refused = await ask
        assert (status, refused["code"]) == (404, "not_found")
    assert (await api("GET", "/v1/privacy/requests", scope=Scope.READ, account=OTHER))[1] == {"requests": []}


async def test_who_may_only_read_neither_sets_a_period_nor_erases_and_no_account_does_what_staff_does(api: Api) -> None:
    asked = [
        await api("PUT", "/v1/retention", {"months": 3}, scope=Scope.READ),
        await api("POST", "/v1/privacy/requests", {"number": NUMBER}, scope=Scope.READ),
        await api("POST", "/privacy/holds", {"account": ACCOUNT, "reason": "dispute"}),
        await api("POST", "/privacy/orders", {"account": OTHER, "number": NUMBER}),
        *[await api("GET", f"/privacy/{path}") for path in SEES_AND_CHANGES],
    ]
    assert {(status, refused["code"]) for status, refused in asked} == {(403, "scope_missing")}
    assert set((await api.kept()).values()) == {0}


async def test_an_erasure_that_holds_keep_says_the_classes_of_their_reasons_and_no_more(api: Api) -> None:
    one = {"account": ACCOUNT, "reason": "dispute", "number": NUMBER}
    _, hold = await api.staff("POST", "holds", one)
    await api.staff("POST", "holds", one | {"number": "+4790000002", "reason": "criminal_suspicion"})
    _, asked = await api("POST", "/v1/privacy/requests", {"number": NUMBER})
    assert (asked["state"], asked["refused_in_part"], asked["refused_because"]) == ("withheld", True, ["dispute"])
    await api.staff("POST", "holds", {"account": ACCOUNT, "reason": "criminal_suspicion"})
    (listed,) = (await api("GET", "/v1/privacy/requests", scope=Scope.READ))[1]["requests"]
    assert listed["refused_because"] == ["criminal_suspicion", "dispute"]
    assert hold["id"] not in str(listed)
    _, free = await api("POST", "/v1/privacy/requests", {"number": NUMBER}, account=OTHER)
    assert (free["state"], free["refused_in_part"], free["refused_because"]) == ("open", False, [])
