"""What every internal API does alike: who is let in, how refusals and failures are told, bodies that are too large."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from structlog.testing import capture_logs

from shared.clock import ManualClock
from shared.errors import BudstikkeError, Fatal, FieldError, Refused, TryLater
from shared.http import Kind
from shared.ids import AccountId
from shared.internal.api import Guard, actor_of, application, json, octets_of
from shared.internal.token import ACTOR, HEADER, LIFETIME, Scope, sign

SECRET = b"s" * 32
NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
KINDS = {
    "taken": Kind(409, "Taken", "", ""),
    "body_too_large": Kind(413, "Body too large", "", ""),
    "usual": Kind(422, "Invalid request", "", ""),
}
FAILURES: dict[str, Exception] = {
    "taken": Refused("taken", "another has it", [FieldError("/name", "not_free", "is another's")]),
    "undocumented": Refused("undocumented", "of 4799999999"),
    "away": TryLater("database_unavailable", "of 4799999999"),
    "fatal": Fatal("lost", "of 4799999999"),
    "bug": ValueError("of 4799999999"),
}
MOST = 8


class Owner:
    """Serves a thing, and is asked as the front door asks."""

    def __init__(self, usual: Kind | None = None) -> None:
        routes = Guard(SECRET, ManualClock(NOW), KINDS, usual).routes(
            [
                ("GET", "/thing", Scope.READ, self._show),
                ("PUT", "/thing", Scope.MANAGE, self._set),
                ("GET", "/failure/{name}", Scope.READ, self._fail),
            ]
        )
        self._app = application(routes, away="The shelf does not answer; ask again.")

    async def ask(
        self,
        method: str = "GET",
        path: str = "/thing",
        *,
        scope: Scope = Scope.READ,
        token: str | None = None,
        content: bytes | AsyncIterator[bytes] | None = None,
        **headers: str,
    ) -> httpx.Response:
        vouched = sign(SECRET, AccountId("acme"), scope, NOW) if token is None else token
        transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://owner") as http:
            return await http.request(method, path, content=content, headers={HEADER: vouched, **headers})

    async def _show(self, account: AccountId, request: Request) -> Response:
        return json({"account": account, "actor": actor_of(request)})

    async def _set(self, _: AccountId, request: Request) -> Response:
        return json({"octets": len(await octets_of(request, MOST))}, 201)

    async def _fail(self, _: AccountId, request: Request) -> Response:
        raise FAILURES[request.path_params["name"]]


async def test_a_handler_is_given_the_account_that_the_token_vouches_for() -> None:
    answer = await Owner().ask(**{ACTOR: "k1"})
    assert (answer.status_code, answer.json()) == (200, {"account": "acme", "actor": "k1"})


@pytest.mark.parametrize("actor", ["", "a b", "x" * 65])
async def test_an_actor_that_is_no_id_is_nobody(actor: str) -> None:
    assert (await Owner().ask(**{ACTOR: actor})).json()["actor"] == ""


@pytest.mark.parametrize(
    "token",
    [
        "",
        "none",
        sign(b"t" * 32, AccountId("acme"), Scope.READ, NOW),
        sign(SECRET, AccountId("acme"), Scope.READ, NOW - LIFETIME),
    ],
    ids=["missing", "damaged", "of another secret", "out of date"],
)
async def test_without_a_good_token_nobody_gets_in(token: str) -> None:
    answer = await Owner().ask(token=token)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


@pytest.mark.parametrize("scope", [scope for scope in Scope if scope is not Scope.MANAGE])
async def test_another_scope_does_not_suffice(scope: Scope) -> None:
    answer = await Owner().ask("PUT", scope=scope)
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")


async def test_a_refusal_is_told_by_its_code() -> None:
    answer = await Owner().ask(path="/failure/taken")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:budstikke:error:taken",
        "title": "Taken",
        "status": 409,
        "code": "taken",
        "detail": "another has it",
        "errors": [{"pointer": "/name", "code": "not_free", "message": "is another's"}],
    }


async def test_a_refusal_of_no_known_code_is_told_as_the_usual_one() -> None:
    answer = await Owner(usual=KINDS["usual"]).ask(path="/failure/undocumented")
    assert (answer.status_code, answer.json()["code"]) == (422, "undocumented")


async def test_what_is_away_is_told_in_the_owners_words() -> None:
    answer = await Owner().ask(path="/failure/away")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.json()["detail"] == "The shelf does not answer; ask again."


@pytest.mark.parametrize("name", ["undocumented", "fatal", "bug"])
async def test_an_error_of_ours_is_told_without_its_words(name: str) -> None:
    answer = await Owner().ask(path=f"/failure/{name}")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "4799999999" not in answer.text


@pytest.mark.parametrize("name", ["undocumented", "away", "fatal", "bug"])
async def test_a_failure_is_logged_by_its_code_or_as_the_exception_it_is(name: str) -> None:
    error = FAILURES[name]
    with capture_logs() as lines:
        await Owner().ask(path=f"/failure/{name}")
    origin = {"code": error.code} if isinstance(error, BudstikkeError) else {"exc_info": error}
    assert lines == [{"event": "request_failed", "log_level": "error", **origin}]


async def test_a_path_names_all_its_methods_to_whoever_takes_another() -> None:
    answer = await Owner().ask("DELETE")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "PUT"}


async def test_a_head_is_answered_as_a_get() -> None:
    assert (await Owner().ask("HEAD")).status_code == 200


async def test_a_path_that_is_none_is_not_found() -> None:
    answer = await Owner().ask(path="/nothing")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_a_body_is_refused_as_soon_as_it_is_too_large() -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 3
            yield b"abc"

    answer = await Owner().ask("PUT", scope=Scope.MANAGE, content=endless())
    assert (answer.status_code, answer.json()["code"], taken) == (413, "body_too_large", 9)
    assert (await Owner().ask("PUT", scope=Scope.MANAGE, content=b"x" * MOST)).json() == {"octets": MOST}
