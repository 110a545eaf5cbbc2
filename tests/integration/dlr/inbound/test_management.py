"""Keywords, incoming messages and opt-outs over the internal HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from services.dlr.inbound.api.management import InboundManagement
from services.dlr.inbound.api.problems import KINDS
from services.dlr.inbound.api.routes import InboundRoutes
from services.dlr.inbound.store import InboundStore
from shared.contracts.events import SendRequested
from shared.contracts.inbound import EVERY_SENDER, OptOutRequested, OptOutSource
from shared.errors import TryLater
from shared.ids import AccountId
from shared.internal.api import application
from shared.internal.token import ACTOR, HEADER, Scope, sign
from shared.strex.agreements import Agreement, Agreements
from tests.integration.dlr.conftest import Outbox
from tests.integration.dlr.inbound.driving import ACME, HANDSET, Handset, Life, later, told

SECRET = b"s" * 32
PREMIUM = {"merchant_id": "mer_acme", "service_code": "14002", "price": 1000, "invoice_text": "Tips"}
AGREEMENT = Agreement(
    account=ACME, merchant_id="mer_acme", short_numbers=("2012",), service_codes=("14002",), most=50_000
)
PIZZA = {"number": "2012", "keyword": "Pizza", "reply": "Takk!"}


class Door:
    """The front door: vouches for an account."""

    def __init__(self, http: httpx.AsyncClient, life: Life) -> None:
        self._http = http
        self._life = life

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        account: str = ACME,
        scope: Scope | None = None,
    ) -> httpx.Response:
        """`body` in octets goes as it is."""
        granted = scope or (Scope.READ if method == "GET" else Scope.MANAGE)
        token = sign(SECRET, AccountId(account), granted, self._life.clock.now())
        sent = {"content": body} if isinstance(body, bytes) else {"json": body}
        return await self._http.request(method, f"/internal/v1/{path}", headers={HEADER: token, ACTOR: "k1"}, **sent)

    async def refused(self, method: str, path: str, body: Any = None) -> tuple[int, str, list[tuple[str, str]]]:
        answer = await self.ask(method, path, body)
        problem = answer.json()
        assert problem["status"] == KINDS[problem["code"]].status
        errors = [(error["pointer"], error["code"]) for error in problem.get("errors", [])]
        return answer.status_code, problem["code"], errors


@pytest.fixture
async def door(life: Life, outbox: Outbox) -> AsyncIterator[Door]:
    management = InboundManagement(life.store, life.refusing, Agreements([AGREEMENT]), outbox.send, life.clock)
    routes = InboundRoutes(management, life.store, life.sealer, SECRET, life.clock).routes()
    transport = httpx.ASGITransport(application(routes, away=""), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://dlr") as http:
        yield Door(http, life)


async def test_a_keyword_from_beginning_to_end(door: Door, life: Life, handset: Handset, outbox: Outbox) -> None:
    await life.number()
    made = await door.ask("POST", "keywords", PIZZA | {"webhook": False})
    assert made.status_code == 201
    keyword = made.json()
    assert (keyword["keyword"], keyword["state"], keyword["webhook"]) == ("pizza", "active", False)
    assert (await door.ask("GET", "keywords")).json() == {"keywords": [keyword]}
    assert (await door.ask("GET", f"keywords/{keyword['id']}")).json() == keyword

    await life.handle([handset.says("PIZZA")])
    assert len(told(outbox.sent, SendRequested)) == 1

    assert (await door.ask("DELETE", f"keywords/{keyword['id']}")).status_code == 204
    assert (await door.refused("DELETE", f"keywords/{keyword['id']}"))[:2] == (404, "not_found")
    await life.handle([handset.says("PIZZA")])
    assert len(told(outbox.sent, SendRequested)) == 1


async def test_on_a_shared_number_a_keyword_waits_for_a_person(
    door: Door, life: Life, handset: Handset, outbox: Outbox
) -> None:
    await life.number("2401", None)
    ordered = await door.ask("POST", "keywords", PIZZA | {"number": "2401"})
    assert (ordered.status_code, ordered.json()["state"]) == (202, "ordered")

    await life.handle([handset.says("pizza", "2401")])
    assert outbox.sent == []
    assert await life.store.activate(ordered.json()["id"])
    await life.handle([handset.says("pizza", "2401")])

    assert len(told(outbox.sent, SendRequested)) == 1


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"number": "2099"}, "/number", "unknown_number"),
        ({"number": "2013"}, "/number", "unknown_number"),
        ({"keyword": "stopp"}, "/keyword", "invalid_keyword"),
        ({"keyword": "!!!"}, "/keyword", "invalid_keyword"),
        ({"keyword": "a b c d"}, "/keyword", "invalid_keyword"),
        ({"keyword": "*", "number": "2401"}, "/keyword", "invalid_keyword"),
        ({"keyword": ""}, "/keyword", "too_short"),
        ({"reply": " "}, "/reply", "empty_text"),
        ({"reply": "a\0b"}, "/reply", "empty_text"),
        ({"reply": "a\x1bb"}, "/reply", "escape_in_text"),
        ({"reply": "x" * 5_000}, "/reply", "too_many_parts"),
        ({"reply": "😀" * 300}, "/reply", "too_many_parts"),
        ({"reply": None, "premium": PREMIUM}, "/reply", "missing_field"),
        ({"premium": PREMIUM | {"price": 1}}, "/premium/price", "out_of_range"),
        ({"premium": PREMIUM | {"price": 100_001}}, "/premium/price", "out_of_range"),
        ({"premium": PREMIUM | {"service_code": "1"}}, "/premium/service_code", "wrong_type"),
        ({"premium": PREMIUM | {"age": 17}}, "/premium/age", "unknown_value"),
        ({"premium": PREMIUM, "number": "+4759440000"}, "/number", "not_a_short_number"),
        ({"price": 1000}, "/price", "unknown_field"),
        ({"premium": PREMIUM | {"merchant_id": "mer_other"}}, "/premium", "not_agreed"),
        ({"premium": PREMIUM | {"service_code": "04002"}}, "/premium", "not_agreed"),
        ({"premium": PREMIUM | {"service_code": "89001"}}, "/premium", "not_agreed"),
        ({"premium": PREMIUM | {"service_code": "99999"}}, "/premium", "not_agreed"),
        ({"premium": PREMIUM | {"price": 50_001}}, "/premium", "not_agreed"),
        ({"premium": PREMIUM, "number": "2401"}, "/premium", "not_agreed"),
    ],
)
async def test_what_is_wrong_with_a_keyword_is_named(
    door: Door, life: Life, changes: dict[str, Any], pointer: str, code: str
) -> None:
    await life.number()
    await life.number("2401", None)
    await life.number("2013", AccountId("other"))
    await life.number("+4759440000")
    assert await door.refused("POST", "keywords", PIZZA | changes) == (422, "invalid_request", [(pointer, code)])
    assert await life.store.keywords_of(ACME) == []


@pytest.mark.parametrize("path", ["keywords", "opt-outs"])
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 422, "invalid_json"),
        (b"{", 422, "invalid_json"),
        (b'{"\xff": 1}', 422, "invalid_json"),
        (b"[" * 5_000, 422, "invalid_request"),
        (b"[]", 422, "invalid_request"),
        (b" " * 16_385, 413, "body_too_large"),
    ],
)
async def test_a_body_that_cannot_be_read_changes_nothing(
    door: Door, life: Life, outbox: Outbox, path: str, body: bytes, status: int, code: str
) -> None:
    assert (await door.refused("POST", path, body))[:2] == (status, code)
    assert await life.store.keywords_of(ACME) == []
    assert outbox.sent == []


async def test_a_charged_keyword_is_by_an_agreement_of_its_account(door: Door, life: Life) -> None:
    await life.number()
    made = await door.ask("POST", "keywords", PIZZA | {"premium": PREMIUM})
    assert (made.status_code, made.json()["premium"]["merchant_id"]) == (201, "mer_acme")


async def test_a_keyword_is_one_accounts_alone(door: Door, life: Life) -> None:
    await life.number("2401", None)
    other = await life.keyword("pizza", "2401", AccountId("other"))
    assert (await door.refused("POST", "keywords", PIZZA | {"number": "2401"}))[:2] == (409, "keyword_taken")
    for method in ("GET", "DELETE"):
        assert (await door.refused(method, f"keywords/{other.id}"))[:2] == (404, "not_found")


async def test_an_account_has_so_many_keywords_and_no_more(
    door: Door, life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.dlr.inbound.api.management.MOST_KEYWORDS", 1)
    await life.number()
    first = (await door.ask("POST", "keywords", PIZZA)).json()
    assert (await door.refused("POST", "keywords", PIZZA | {"keyword": "lodd"}))[:2] == (409, "too_many_keywords")
    assert (await door.ask("GET", "keywords")).json() == {"keywords": [first]}


async def test_messages_are_listed_in_pages_the_newest_first(door: Door, life: Life, handset: Handset) -> None:
    await life.number()
    await life.handle([handset.says(f"nr {number}", after=later(seconds=number)) for number in range(5)])
    await life.handle([handset.says("nobody's", "2099")])

    first = (await door.ask("GET", "inbound?limit=3")).json()
    second = (await door.ask("GET", f"inbound?limit=3&cursor={first['cursor']}")).json()

    assert [one["text"] for one in first["messages"] + second["messages"]] == [f"nr {n}" for n in (4, 3, 2, 1, 0)]
    assert second["cursor"] is None
    assert {one["from"] for one in first["messages"]} == {HANDSET}
    one = first["messages"][0]
    assert (await door.ask("GET", f"inbound/{one['id']}")).json() == one
    assert (await door.ask("GET", f"inbound/{one['id']}", account="other")).status_code == 404
    assert (await door.ask("GET", "inbound", account="other")).json() == {"messages": [], "cursor": None}


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=501", "limit=x", "cursor=%21", "cursor=YWJj", "limit=1&limit=2", "to=1"]
)
@pytest.mark.parametrize("path", ["inbound", "opt-outs"])
async def test_a_query_that_is_wrong_is_refused(door: Door, path: str, query: str) -> None:
    assert (await door.refused("GET", f"{path}?{query}"))[:2] == (422, "invalid_request")


async def test_an_opt_out_is_told_before_it_is_answered_and_again_at_each_repeat(
    door: Door, life: Life, outbox: Outbox
) -> None:
    made = await door.ask("POST", "opt-outs", {"to": "90 00 00 01"})
    again = await door.ask("POST", "opt-outs", {"to": HANDSET})

    assert (made.status_code, again.status_code) == (201, 200)
    assert made.json() == again.json()
    assert (made.json()["to"], made.json()["from"], made.json()["source"]) == (HANDSET, None, "api")
    first, second = told(outbox.sent, OptOutRequested)
    assert isinstance(first, OptOutRequested)
    assert first == second
    assert (first.scope, first.source, first.account_id) == (EVERY_SENDER, OptOutSource.API, ACME)
    assert told(outbox.sent, SendRequested) == []


async def test_without_a_broker_an_opt_out_is_not_answered_and_a_repeat_completes_it(
    door: Door, outbox: Outbox
) -> None:
    outbox.broken = True
    assert (await door.ask("POST", "opt-outs", {"to": HANDSET})).status_code == 503
    outbox.broken = False
    assert (await door.ask("POST", "opt-outs", {"to": HANDSET})).status_code == 200
    assert len(told(outbox.sent, OptOutRequested)) == 1


async def test_an_opt_out_of_one_sender_is_another_than_that_of_all(door: Door) -> None:
    one = await door.ask("POST", "opt-outs", {"to": HANDSET, "from": "Skolen"})
    both = await door.ask("POST", "opt-outs", {"to": HANDSET})
    assert (one.status_code, both.status_code, one.json()["from"]) == (201, 201, "skolen")
    listed = (await door.ask("GET", "opt-outs?limit=1")).json()
    assert listed["cursor"] is not None
    rest = (await door.ask("GET", f"opt-outs?cursor={listed['cursor']}")).json()
    assert {each["id"] for each in listed["opt_outs"] + rest["opt_outs"]} == {one.json()["id"], both.json()["id"]}


async def test_who_consents_anew_may_be_sent_to_and_may_opt_out_anew(
    door: Door, life: Life, handset: Handset, outbox: Outbox
) -> None:
    await life.number()
    await life.handle([handset.says("STOPP")])
    (opt_out,) = (await door.ask("GET", "opt-outs")).json()["opt_outs"]
    assert (opt_out["to"], opt_out["source"]) == (HANDSET, "keyword")
    key = outbox.sent[0].key
    outbox.sent.clear()

    assert (await door.ask("DELETE", f"opt-outs/{opt_out['id']}", account="other")).status_code == 404
    assert (await door.ask("DELETE", f"opt-outs/{opt_out['id']}")).status_code == 204
    assert [(output.topic, output.key, output.value) for output in outbox.sent] == [("config.opt-outs", key, None)]
    assert (await door.refused("DELETE", f"opt-outs/{opt_out['id']}"))[:2] == (404, "not_found")

    outbox.sent.clear()
    await life.handle([handset.says("STOPP", after=later(minutes=5))])
    assert len(told(outbox.sent, OptOutRequested)) == len(told(outbox.sent, SendRequested)) == 1


async def test_a_stop_holds_although_an_earlier_one_was_taken_back_by_half(
    door: Door, life: Life, handset: Handset, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> bool:
        raise TryLater("mongodb_unavailable", "away")

    await life.number()
    await life.handle([handset.says("STOPP")])
    key = outbox.sent[0].key
    (opt_out,) = (await door.ask("GET", "opt-outs")).json()["opt_outs"]
    with monkeypatch.context() as broken:
        broken.setattr(InboundStore, "remove_opt_out", away)
        assert (await door.ask("DELETE", f"opt-outs/{opt_out['id']}")).status_code == 503
    assert outbox.sent[-1].value is None
    outbox.sent.clear()

    await life.handle([handset.says("STOPP", after=later(minutes=5))])

    assert (outbox.sent[0].topic, outbox.sent[0].key) == ("config.opt-outs", key)
    assert outbox.sent[0].value is not None


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"to": "2012"}, "/to", "short_number"),
        ({"to": "22225555"}, "/to", "not_a_mobile"),
        ({"to": "Kari"}, "/to", "number_has_letters"),
        ({"to": HANDSET, "from": "Et altfor langt navn"}, "/from", "sender_too_long"),
        ({"to": HANDSET, "scope": "*"}, "/scope", "unknown_field"),
        ({}, "/to", "missing_field"),
    ],
)
async def test_what_is_wrong_with_an_opt_out_is_named(
    door: Door, outbox: Outbox, body: dict[str, Any], pointer: str, code: str
) -> None:
    assert await door.refused("POST", "opt-outs", body) == (422, "invalid_request", [(pointer, code)])
    assert outbox.sent == []


async def test_numbers_are_the_accounts_own_and_the_shared_ones(door: Door, life: Life) -> None:
    await life.number()
    await life.number("2401", None)
    await life.number("2013", AccountId("other"))
    assert (await door.ask("GET", "numbers")).json() == {
        "numbers": [
            {"number": "2012", "shared": False, "stop": "account"},
            {"number": "2401", "shared": True, "stop": "account"},
        ]
    }


@pytest.mark.parametrize(("method", "path"), [("POST", "keywords"), ("GET", "inbound"), ("DELETE", "opt-outs/x")])
async def test_only_the_front_door_is_answered_and_only_in_the_scope_of_its_token(
    door: Door, method: str, path: str
) -> None:
    wrong = Scope.MANAGE if method == "GET" else Scope.READ
    assert (await door.ask(method, path, scope=wrong)).status_code == 403
    assert (await door._http.request(method, f"/internal/v1/{path}")).status_code == 401
