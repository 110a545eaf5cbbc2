"""The internal HTTP of the premium books."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.billing.premium.api.daily_files import DailyFiles
from services.billing.premium.api.reconciliation import Reconciliation
from services.billing.premium.api.refunding import RefundDesk
from services.billing.premium.api.routes import Books as Served
from services.billing.premium.api.routes import premium_routes
from shared.contracts.premium import PremiumStatus
from shared.ids import GATEWAY, AccountId
from shared.internal.api import application
from shared.internal.token import ACTOR, HEADER, Scope, sign
from shared.privacy.keys import FileKeyStore
from shared.privacy.pseudonyms import Pseudonyms
from tests.integration.billing.premium.driving import Books
from tests.unit.billing.premium.building import ACCOUNT, ID, changed, reversed_, transaction_id
from tests.unit.billing.premium.test_reconciling import file_of, told

SECRET = b"s" * 32
NUMBER = "+4790000001"
S = PremiumStatus


class Strex:
    """Answers with a daily file, or with what a test says."""

    def __init__(self) -> None:
        self.asked: list[httpx.Request] = []
        self.answer = httpx.Response(200, text=file_of())

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return self.answer


class Api:
    """The routes, asked with a token of a scope."""

    def __init__(self, books: Books, http: httpx.AsyncClient) -> None:
        self._books = books
        self._http = http

    async def __call__(
        self, method: str, path: str, body: object = None, *, scope: Scope = Scope.READ, account: AccountId = ACCOUNT
    ) -> tuple[int, Any]:
        token = sign(SECRET, account, scope, self._books.clock.now())
        headers = {HEADER: token, ACTOR: "k_demo"}
        response = await self._http.request(method, f"/internal{path}", json=body, headers=headers)
        return response.status_code, response.json()

    async def finance(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        return await self(method, f"/finance/premium{path}", body, scope=Scope.FINANCE, account=GATEWAY)

    async def refund(self, account: AccountId = ACCOUNT, **body: str) -> tuple[int, Any]:
        return await self("POST", "/v1/premium/refunds", body, scope=Scope.MANAGE, account=account)


@pytest.fixture
def pseudonyms(tmp_path: Path) -> Pseudonyms:
    return Pseudonyms(FileKeyStore(tmp_path / "keys"))


@pytest.fixture
def strex() -> Strex:
    return Strex()


@pytest.fixture
async def api(books: Books, pseudonyms: Pseudonyms, strex: Strex) -> AsyncIterator[Api]:
    files = DailyFiles("https://strex.example/export/{date}.csv", "k3y", transport=httpx.MockTransport(strex))
    served = Served(
        books.ledger,
        books.refunds,
        books.closing,
        RefundDesk(books.ledger, books.refunds, pseudonyms, books.clock),
        Reconciliation(books.mongo, books.ledger, files, books.clock),
    )
    app = application(premium_routes(served, SECRET, books.clock), away="")
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://billing") as http:
        yield Api(books, http)


async def test_an_account_sees_its_transactions_and_what_is_booked_of_one(books: Books, api: Api) -> None:
    await books.hear(changed(), changed(S.SENT, number=2), changed(number=3, account_id=AccountId("other")))
    status, page = await api("GET", "/v1/premium/transactions")
    assert status == 200
    assert [(one["id"], one["standing"]) for one in page["transactions"]] == [
        (ID, "billed"),
        (transaction_id(2), "open"),
    ]
    assert "2026:5f1d6e0c9a7b43e28d10c4f6b2a39e77" not in str(page)
    _, shown = await api("GET", f"/v1/premium/transactions/{ID}")
    (entry,) = shown["entries"]
    assert sum(line["ore"] for line in entry["lines"]) == 0
    assert (await api("GET", f"/v1/premium/transactions/{transaction_id(3)}"))[0] == 404


async def test_pages_lead_to_the_next_and_say_when_there_is_none(books: Books, api: Api) -> None:
    for number in (1, 2, 3):
        await books.hear(changed(number=number, ordered_at=datetime(2026, 10, number, tzinfo=UTC)))
    _, first = await api("GET", "/v1/premium/transactions?limit=2")
    assert [one["id"] for one in first["transactions"]] == [transaction_id(3), transaction_id(2)]
    _, second = await api("GET", f"/v1/premium/transactions?limit=2&cursor={first['cursor']}")
    assert ([one["id"] for one in second["transactions"]], second["cursor"]) == ([ID], None)


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "limit=x",
        "standing=rich",
        "standing=",
        "cursor=!",
        "cursor=abc",
        "page=2",
        "limit=1&limit=2",
    ],
)
async def test_a_query_that_cannot_be_is_refused(api: Api, query: str) -> None:
    status, body = await api("GET", f"/v1/premium/transactions?{query}")
    assert (status, body["code"]) == (422, "invalid_request")


async def test_the_seller_has_a_charge_refunded_once(books: Books, api: Api) -> None:
    await books.hear(changed())
    status, first = await api.refund(transaction_id=ID, reason="upheld_complaint")
    assert (status, first["refunds"][0]["state"], first["refunds"][0]["by"]) == (201, "requested", "k_demo")
    assert await api.refund(transaction_id=ID) == (200, first)
    assert (await api("GET", f"/v1/premium/refunds/rf_{ID}"))[1] == first["refunds"][0]
    assert (await api("GET", "/v1/premium/refunds"))[1] == first


async def test_a_reversal_is_not_given_back_and_what_was_given_back_is_not_given_twice(books: Books, api: Api) -> None:
    await books.hear(changed(), reversed_())
    assert (await api.refund(transaction_id=f"-{ID}"))[1]["code"] == "not_found"
    status, first = await api.refund(transaction_id=ID)
    assert (status, first["refunds"][0]["state"]) == (201, "reversed")
    assert await api.refund(transaction_id=ID) == (200, first)
    assert set((await books.balances()).values()) == {0}


async def test_nobody_else_has_it_refunded_and_reading_does_not_suffice(books: Books, api: Api) -> None:
    await books.hear(changed())
    assert (await api.refund(AccountId("other"), transaction_id=ID))[0] == 404
    asked = {"transaction_id": ID}
    for scope in (Scope.READ, Scope.FINANCE):
        status, body = await api("POST", "/v1/premium/refunds", asked, scope=scope)
        assert (status, body["code"]) == (403, "scope_missing")
    assert (await api("GET", "/v1/premium/refunds"))[1] == {"refunds": []}


async def test_a_refund_by_number_short_number_and_day_is_of_all_that_was_billed_then(
    books: Books, api: Api, pseudonyms: Pseudonyms
) -> None:
    person = pseudonyms.in_year(ACCOUNT, NUMBER, 2026)
    await books.hear(
        changed(pseudonym=person),
        changed(pseudonym=person, number=2),
        changed(S.FAILED, pseudonym=person, number=3),
        changed(pseudonym=person, number=4, short_number="2003"),
        changed(number=5),
    )
    status, body = await api.refund(to="900 00 001", short_number="2002", day="2026-10-12")
    assert status == 201
    assert [one["transaction_id"] for one in body["refunds"]] == [ID, transaction_id(2)]
    assert (await api.refund(to=NUMBER, short_number="2002", day="2026-10-13"))[0] == 404
    assert (await api.refund(AccountId("other"), to=NUMBER, short_number="2002", day="2026-10-12"))[0] == 404


async def test_the_first_hour_of_a_year_is_found_under_the_old_years_key(
    books: Books, api: Api, pseudonyms: Pseudonyms
) -> None:
    at = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)
    await books.hear(changed(ordered_at=at, pseudonym=pseudonyms.of(ACCOUNT, NUMBER, at)))
    assert (await api.refund(to=NUMBER, short_number="2002", day="2027-01-01"))[0] == 201


async def test_a_number_whose_key_was_destroyed_is_known_by_transaction_alone(
    books: Books, api: Api, pseudonyms: Pseudonyms, tmp_path: Path
) -> None:
    await books.hear(changed(pseudonym=Pseudonyms(FileKeyStore(tmp_path / "keys")).in_year(ACCOUNT, NUMBER, 2026)))
    (tmp_path / "keys" / ACCOUNT / "p2026.key").write_bytes(b"")
    status, body = await api.refund(to=NUMBER, short_number="2002", day="2026-10-12")
    assert (status, body["code"]) == (409, "number_forgotten")
    assert (await api.refund(transaction_id=ID))[0] == 201


@pytest.mark.parametrize("day", ["2099-12-31", "2019-01-01"])
async def test_a_day_on_which_nobody_can_have_bought_anything_makes_no_key(
    api: Api, pseudonyms: Pseudonyms, day: str
) -> None:
    years = pseudonyms._store.pseudonym_years(ACCOUNT)
    assert (await api.refund(to=NUMBER, short_number="2002", day=day))[0] == 404
    assert pseudonyms._store.pseudonym_years(ACCOUNT) == years


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/transaction_id"),
        ({"to": NUMBER, "short_number": "2002"}, "/transaction_id"),
        ({"transaction_id": ID, "to": NUMBER}, "/transaction_id"),
        ({"to": "900000", "short_number": "2002", "day": "2026-10-12"}, "/to"),
        ({"to": NUMBER, "short_number": "2002", "day": "2026-02-30"}, "/day"),
        ({"to": NUMBER, "short_number": "x", "day": "2026-10-12"}, "/short_number"),
        ({"transaction_id": ID, "reason": "Ring 900 00 001"}, "/reason"),
        ({"transaction_id": ID, "amount": "10.00"}, ""),
    ],
)
async def test_a_refund_that_cannot_be_understood_names_the_field_and_never_the_number(
    api: Api, body: dict[str, str], pointer: str
) -> None:
    status, refused = await api.refund(**body)
    assert (status, refused["code"]) == (422, "invalid_request")
    assert [error["pointer"] for error in refused["errors"]] == [pointer]
    assert "900" not in str(refused)


async def test_a_refund_whose_body_is_too_large_is_refused(books: Books, api: Api) -> None:
    await books.hear(changed())
    status, refused = await api.refund(transaction_id=ID, reason="x" * 70_000)
    assert (status, refused["code"]) == (413, "body_too_large")
    assert await books.refunds.page(ACCOUNT, limit=1) == []


@pytest.mark.parametrize(("status", "code"), [(S.FAILED, "not_billed"), (S.UNKNOWN, "outcome_open")])
async def test_what_was_not_billed_for_certain_is_a_conflict(
    books: Books, api: Api, status: PremiumStatus, code: str
) -> None:
    await books.hear(changed(status))
    answered, body = await api.refund(transaction_id=ID)
    assert (answered, body["code"]) == (409, code)


async def test_finance_closes_settles_and_shows_a_month_and_the_account_its_own(books: Books, api: Api) -> None:
    await books.hear(*(changed(number=n) for n in range(1, 6)), changed(number=6, account_id=AccountId("other")))
    assert (await api.finance("GET", "/months/2026-10"))[1]["code"] == "month_not_closed"
    status, month = await api.finance("POST", "/months/2026-10/close")
    assert (status, month["settlement"]["expected_ore"], len(month["statements"])) == (200, 15120, 2)
    paid = {"received_on": "2026-11-20", "amount": 15120}
    _, settled = await api.finance("POST", "/months/2026-10/receive", paid)
    assert [one["held"] for one in settled["payouts"]] == [None, "under_minimum"]
    assert await api.finance("GET", "/months/2026-10") == (200, settled)
    _, own = await api("GET", "/v1/statements/2026-10")
    assert [one["account_id"] for one in (*own["statements"], *own["payouts"])] == ["demo", "demo"]
    assert (await api("GET", "/v1/statements"))[1] == own
    assert (await api("GET", "/v1/statements/2026-09"))[0] == 404
    assert (await api("GET", "/v1/statements/October"))[0] == 422


async def test_what_is_of_another_account_is_not_found(books: Books, api: Api) -> None:
    await books.hear(changed())
    await api.refund(transaction_id=ID)
    await api.finance("POST", "/months/2026-10/close")
    for path in (f"premium/transactions/{ID}", f"premium/refunds/rf_{ID}", "statements/2026-10"):
        assert (await api("GET", f"/v1/{path}"))[0] == 200
        status, told = await api("GET", f"/v1/{path}", account=AccountId("other"))
        assert (status, told["code"]) == (404, "not_found")
    assert (await api("GET", "/v1/statements", account=AccountId("other")))[1] == {"statements": [], "payouts": []}


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/months/2026-11/close", None, "month_not_over"),
        ("/months/2026-13/close", None, "invalid_month"),
        ("/months/2026-10/receive", {"received_on": "2026-11-20", "amount": 1}, "month_not_closed"),
        ("/months/2026-10/receive", {"received_on": "soon", "amount": 1}, "invalid_request"),
        ("/months/2026-10/receive", {"received_on": "2026-11-20", "amount": 1.5}, "invalid_request"),
        ("/months/2026-10/receive", {"received_on": "2026-11-20"}, "invalid_request"),
        ("/days/2026-11-02/reconcile", None, "day_not_over"),
        ("/days/tomorrow/reconcile", None, "invalid_request"),
    ],
)
async def test_what_finance_cannot_do_is_said(api: Api, path: str, body: object, code: str) -> None:
    assert (await api.finance("POST", path, body))[1]["code"] == code


async def test_what_is_of_finance_is_closed_to_accounts(api: Api) -> None:
    for scope in (Scope.READ, Scope.MANAGE):
        assert (await api("GET", "/finance/premium/transactions", scope=scope))[0] == 403


async def test_finance_sees_all_accounts_or_one(books: Books, api: Api) -> None:
    await books.hear(changed(), changed(S.SENT, number=2, account_id=AccountId("other")))
    assert len((await api.finance("GET", "/transactions"))[1]["transactions"]) == 2
    (one,) = (await api.finance("GET", "/transactions?account=other&standing=open,disputed"))[1]["transactions"]
    assert one["account_id"] == "other"
    assert (await api.finance("GET", f"/transactions/{ID}"))[1]["transaction"]["id"] == ID
    assert (await api.finance("GET", f"/transactions/{transaction_id(9)}"))[0] == 404


async def test_a_day_is_compared_with_the_file_of_strex_and_the_report_kept(
    books: Books, api: Api, strex: Strex
) -> None:
    await books.hear(changed(), changed(number=2), reversed_())
    strex.answer = httpx.Response(200, text=file_of(told(1), told(7)))
    assert (await api.finance("GET", "/days/2026-10-12"))[0] == 404
    status, compared = await api.finance("POST", "/days/2026-10-12/reconcile")
    assert status == 200
    assert [(one["transaction_id"], one["difference"]) for one in compared["report"]["findings"]] == [
        (f"-{ID}", "missing_there"),
        (transaction_id(2), "missing_there"),
        (transaction_id(7), "missing_here"),
    ]
    assert await api.finance("GET", "/days/2026-10-12") == (200, compared)
    (asked,) = strex.asked
    assert (str(asked.url), asked.headers["x-apikey"]) == ("https://strex.example/export/2026-10-12.csv", "k3y")
    assert len(await books.entries()) == 3


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (httpx.Response(404), 404, "no_daily_file"),
        (httpx.Response(401), 404, "no_daily_file"),
        (httpx.Response(500), 503, "unavailable"),
        (httpx.Response(200, content=b"\xff\xfe"), 422, "bad_daily_file"),
        (httpx.Response(200, text="<html>"), 422, "bad_daily_file"),
    ],
)
async def test_without_a_file_nothing_is_compared(
    api: Api, strex: Strex, answer: httpx.Response, status: int, code: str
) -> None:
    strex.answer = answer
    answered, body = await api.finance("POST", "/days/2026-10-12/reconcile")
    assert (answered, body["code"]) == (status, code)
    assert (await api.finance("GET", "/days/2026-10-12"))[0] == 404
