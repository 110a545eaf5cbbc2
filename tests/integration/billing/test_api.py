"""The internal API over HTTP: what accounts read, what finance orders."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import product
from pathlib import Path
from random import SystemRandom
from typing import Any

import httpx
import msgspec
import pytest
from prometheus_client import CollectorRegistry

from services.billing.api.role import build_api
from services.billing.invoicing.closer import Closer
from services.billing.invoicing.records import Records
from services.billing.pricing.book import EXAMPLE, read_prices
from services.billing.usage.daily import DailyUsages
from services.billing.usage.store import UsageStore
from shared.clock import ManualClock, SystemClock
from shared.http import HttpServer
from shared.ids import GATEWAY, AccountId, MessageId
from shared.internal.token import ACTOR, HEADER, Scope, sign
from shared.kafka.metrics import KafkaMetrics
from shared.money.periods import month_of, moved
from shared.service import Context
from shared.stores.mongodb import MongoStore
from shared.text.printed import UNPRINTABLE
from shared.trust import trusted
from tests.integration.billing.conftest import emptied
from tests.integration.billing.outbox import Outbox
from tests.unit.billing.building import charge
from tests.unit.billing.invoices import SELLER

SECRET = b"s" * 32
KARI = "0123456789abcdef"
RECORD: dict[str, Any] = {
    "name": "Nordvik kommune",
    "organisation_number": "984066910",
    "address": {"street": "Rådhusgata 1", "postal_code": "9008", "city": "Tromsø"},
    "plan": "standard",
    "accounts": ["skole"],
}
NOW = SystemClock().now()
THIS_MONTH = month_of(NOW)
LAST_MONTH = moved(THIS_MONTH, -1)


class Api:
    """The front door's side of a running role `api`, and the roles that work on the same books."""

    def __init__(self, client: httpx.AsyncClient, mongo: MongoStore) -> None:
        self.client = client
        self.mongo = mongo

    async def finance(self, method: str, path: str, body: object = None, **named: Any) -> httpx.Response:
        return await self.ask(method, f"/internal/finance/{path}", GATEWAY, Scope.FINANCE, body, **named)

    async def account(self, path: str, account: str = "skole") -> httpx.Response:
        return await self.ask("GET", f"/internal/v1/{path}", AccountId(account), Scope.READ)

    async def ask(
        self,
        method: str,
        path: str,
        account: AccountId,
        scope: Scope,
        body: object = None,
        content: bytes | None = None,
    ) -> httpx.Response:
        headers = {HEADER: sign(SECRET, account, scope, SystemClock().now()), ACTOR: KARI}
        if content is None and body is not None:
            content = msgspec.json.encode(body)
        return await self.client.request(method, path, headers=headers, content=content)

    async def use(self, account: str, count: int) -> None:
        one = msgspec.structs.replace(charge(account=AccountId(account)), accepted_at=NOW)
        charges = [msgspec.structs.replace(one, message_id=MessageId(f"{account}-{number}")) for number in range(count)]
        await UsageStore(self.mongo).record(charges, NOW)

    async def work(self) -> None:
        send, clock = Outbox().send, ManualClock(NOW)
        records = Records.of(self.mongo, clock)
        daily = DailyUsages(records.sums, send)
        closer = Closer(records, send, clock, read_prices(EXAMPLE), SELLER, tell_usage=daily.look)
        while await closer.step():
            pass


@pytest.fixture
async def api(mongodb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Api]:
    secret = tmp_path / "secret"
    secret.write_bytes(SECRET)
    values = {
        "HEALTH_PORT": "0",
        "MONGODB": mongodb,
        "KEY_STORE": str(tmp_path / "keys"),
        "BILLING_API_PORT": "0",
        "INTERNAL_SECRET": str(secret),
    }
    for name, value in values.items():
        monkeypatch.setenv(f"BUDSTIKKE_{name}", value)
    registry = CollectorRegistry()
    components = list(build_api(Context(SystemClock(), SystemRandom(), registry, KafkaMetrics(registry))))
    for component in components:
        await component.start()
    (server,) = [component for component in components if isinstance(component, HttpServer)]
    (mongo,) = [component for component in components if isinstance(component, MongoStore)]
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{server.port}", verify=trusted(), trust_env=False
    ) as client:
        yield Api(client, mongo)
    await emptied(mongo)
    for component in reversed(components):
        await component.stop(5.0)


async def test_from_a_customers_record_to_the_document_of_its_invoice(api: Api) -> None:
    assert (await api.finance("POST", "customers/nordvik", RECORD)).status_code == 200
    await api.use("skole", 12)
    used = (await api.account(f"usage?month={THIS_MONTH}")).json()
    assert (used["messages"], used["parts"], len(used["days"])) == (12, 12, 1)

    asked = await api.finance("POST", f"periods/{THIS_MONTH}/close", {"early": True})
    assert (asked.status_code, asked.json()["state"]) == (202, "requested")
    await api.work()
    done = await api.finance("POST", f"periods/{THIS_MONTH}/close", {"early": True})
    assert (done.status_code, done.json()["state"]) == (200, "closed")
    assert done.json()["figures"]["net"] == 12 * 51

    (invoice,) = (await api.account("invoices")).json()["invoices"]
    assert (invoice["number"], invoice["net"], invoice["customer"]) == (100001, 612, "nordvik")
    assert (await api.account("invoices/100001")).json() == invoice
    document = await api.account("invoices/100001/ehf")
    assert document.headers["content-type"] == "application/xml"
    assert document.content == (await api.finance("GET", "invoices/100001/ehf")).content
    assert (await api.finance("GET", f"invoices?period={THIS_MONTH}")).json()["invoices"] == [invoice]
    entries = (await api.finance("GET", "audit")).json()["entries"]
    assert [(entry["actor"], entry["action"], entry["subject"]) for entry in entries] == [
        (KARI, "period.close", THIS_MONTH),
        (KARI, "customer.set", "nordvik"),
    ]


async def test_an_account_sees_its_own_alone(api: Api) -> None:
    await api.finance("POST", "customers/nordvik", RECORD)
    await api.use("skole", 1)
    await api.finance("POST", f"periods/{THIS_MONTH}/close", {"early": True})
    await api.work()
    assert (await api.account("invoices", "havn")).json() == {"invoices": [], "cursor": None}
    assert (await api.account("invoices/100001", "havn")).status_code == 404
    assert (await api.account("invoices/100001/ehf", "havn")).status_code == 404
    assert (await api.account("usage", "havn")).json()["parts"] == 0


async def test_no_account_orders_what_finance_orders(api: Api) -> None:
    orders = (("GET", "customers"), ("POST", f"periods/{THIS_MONTH}/close"), ("GET", "audit"))
    for (method, path), scope, account in product(orders, (Scope.READ, Scope.MANAGE), ("skole", GATEWAY)):
        answer = await api.ask(method, f"/internal/finance/{path}", AccountId(account), scope, {})
        assert answer.status_code == 403
    assert (await api.client.get("/internal/finance/customers")).status_code == 401


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"organisation_number": "984066911"}, "/organisation_number", "invalid_organisation_number"),
        ({"organisation_number": "9840"}, "/organisation_number", "invalid_value"),
        ({"gln": "7080000000006"}, "/gln", "invalid_gln"),
        ({"gln": "100000-000007"}, "/gln", "invalid_gln"),
        ({"plan": "gold"}, "/plan", "unknown_value"),
        ({"accounts": []}, "/accounts", "invalid_value"),
        ({"accounts": ["a", "a"]}, "/accounts", "duplicate_value"),
        ({"name": "Nord\x07vik"}, "/name", "wrong_form"),
        ({"reference": " "}, "/reference", "wrong_form"),
        ({"payment_days": 61}, "/payment_days", "invalid_value"),
        ({"subscriptions": [{"code": "gold", "since": "2026-11-01"}]}, "/subscriptions/0/code", "unknown_value"),
        (
            {"subscriptions": [{"code": "gateway", "since": "2026-11-02", "until": "2026-11-01"}]},
            "/subscriptions/0/until",
            "out_of_range",
        ),
        (
            {"subscriptions": [{"code": "gateway", "since": "2026-11-02"}, {"code": "gateway", "since": "2026-12-02"}]},
            "/subscriptions/1/since",
            "overlapping",
        ),
        (
            {
                "subscriptions": [
                    {"code": "gateway", "since": "2026-11-20"},
                    {"code": "gateway", "since": "2026-10-02", "until": "2026-11-05"},
                ]
            },
            "/subscriptions/1/since",
            "overlapping",
        ),
    ],
)
async def test_a_record_that_is_not_right_is_refused_and_nothing_is_kept(
    api: Api, change: dict[str, object], pointer: str, code: str
) -> None:
    answer = await api.finance("POST", "customers/nordvik", RECORD | change)
    assert answer.status_code == 422
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [(pointer, code)]
    assert (await api.finance("GET", "customers/nordvik")).status_code == 404
    assert (await api.finance("GET", "audit")).json() == {"entries": [], "cursor": None}


@pytest.mark.parametrize(
    ("record", "pointers"),
    [
        ({}, ["/name", "/organisation_number", "/address", "/plan", "/accounts"]),
        ({name: RECORD[name] for name in RECORD if name != "plan"}, ["/plan"]),
        (RECORD | {"address": {"street": "Kaia 1"}}, ["/address/postal_code"]),
    ],
)
async def test_each_field_that_a_record_lacks_is_named(api: Api, record: object, pointers: list[str]) -> None:
    answer = await api.finance("POST", "customers/nordvik", record)
    assert answer.status_code == 422
    assert [(one["pointer"], one["code"]) for one in answer.json()["errors"]] == [
        (pointer, "missing_field") for pointer in pointers
    ]


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"{", 422),
        (b"{} {", 422),
        (b'{"leave": ["\xff"]}', 422),
        (b'{"early": 1}', 422),
        (b'{"soon": true}', 422),
        (b" " * 70_000, 413),
    ],
)
async def test_a_body_that_cannot_be_read_is_refused(api: Api, content: bytes, status: int) -> None:
    answer = await api.finance("POST", f"periods/{LAST_MONTH}/close", content=content)
    assert answer.status_code == status
    assert (await api.finance("GET", "periods")).json() == {"periods": [], "cursor": None}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("usage?months=2026-11", "unknown_field"),
        ("usage?month=2026-11&month=2026-10", "unknown_field"),
        ("invoices?limit=0", "out_of_range"),
        ("invoices?cursor=%21", "invalid_cursor"),
        ("invoices?page=2", "unknown_field"),
    ],
)
async def test_a_query_that_is_not_known_is_refused(api: Api, query: str, code: str) -> None:
    answer = await api.account(query)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert [error["code"] for error in answer.json()["errors"]] == [code]
    assert (await api.account("usage?month=november")).json()["code"] == "invalid_month"


async def test_a_month_is_closed_when_it_is_over_and_each_account_has_a_customer(api: Api) -> None:
    await api.use("skole", 1)
    over = await api.finance("POST", f"periods/{THIS_MONTH}/close", {})
    assert (over.status_code, over.json()["code"]) == (409, "period_not_over")
    begun = await api.finance("POST", f"periods/{moved(THIS_MONTH, 1)}/close", {"early": True})
    assert (begun.status_code, begun.json()["code"]) == (409, "period_not_begun")
    lacking = await api.finance("POST", f"periods/{THIS_MONTH}/close", {"early": True})
    assert (lacking.status_code, lacking.json()["code"]) == (409, "account_without_customer")
    assert [error["message"] for error in lacking.json()["errors"]] == ["account skole"]
    left = await api.finance("POST", f"periods/{THIS_MONTH}/close", {"early": True, "leave": ["skole"]})
    assert left.status_code == 202
    assert (await api.finance("POST", "periods/2026-13/close", {})).status_code == 422
    assert (await api.finance("GET", f"periods/{LAST_MONTH}")).status_code == 404


async def test_a_subscription_cannot_begin_in_a_month_that_is_closed(api: Api) -> None:
    await api.finance("POST", f"periods/{LAST_MONTH}/close", {})
    late = RECORD | {"subscriptions": [{"code": "gateway", "since": f"{LAST_MONTH}-15"}]}
    answer = await api.finance("POST", "customers/nordvik", late)
    assert [error["code"] for error in answer.json()["errors"]] == ["period_closed"]
    good = RECORD | {"subscriptions": [{"code": "gateway", "since": f"{THIS_MONTH}-01"}]}
    assert (await api.finance("POST", "customers/nordvik", good)).status_code == 200


async def test_an_account_is_one_customers(api: Api) -> None:
    await api.finance("POST", "customers/nordvik", RECORD)
    taken = await api.finance("POST", "customers/sandvik", RECORD)
    assert (taken.status_code, taken.json()["code"]) == (409, "account_taken")
    assert [one["customer_id"] for one in (await api.finance("GET", "customers")).json()["customers"]] == ["nordvik"]
    assert (await api.finance("POST", "customers/Sandvik!", RECORD)).status_code == 404


async def test_what_waits_is_seen_and_written_off_with_a_reason(api: Api) -> None:
    await api.use("skole", 12)
    await api.finance("POST", f"periods/{THIS_MONTH}/close", {"early": True, "leave": ["skole"]})
    assert (await api.finance("GET", "waiting")).json() == {"waiting": [], "cursor": None}
    await api.work()
    waits = {"account": "skole", "month": THIS_MONTH, "messages": 12, "parts": 12, "customer": None}
    assert (await api.finance("GET", "waiting")).json()["waiting"] == [waits]
    await api.finance("POST", "customers/nordvik", RECORD)
    assert (await api.finance("GET", "waiting")).json()["waiting"] == [waits | {"customer": "nordvik"}]

    path = f"waiting/skole/{THIS_MONTH}/write-off"
    for body in ({}, {"reason": ""}, {"reason": " "}, {"reason": "a\x07"}, {"reason": "x" * 201}):
        assert (await api.finance("POST", path, body)).status_code == 422
    bell = (await api.finance("POST", path, {"reason": "a\x07"})).json()["errors"]
    assert bell == [{"pointer": "/reason", "code": "wrong_form", "message": UNPRINTABLE}]
    reason = "our own trials,\n1\u00a0200 parts"
    assert (await api.finance("POST", path, {"reason": reason})).json() == {"messages": 12, "parts": 12}
    assert (await api.finance("GET", "waiting")).json()["waiting"] == []
    again = await api.finance("POST", path, {"reason": "our own trials"})
    assert (again.status_code, again.json()["code"]) == (409, "nothing_waits")
    entry = (await api.finance("GET", "audit")).json()["entries"][0]
    assert (entry["actor"], entry["action"], entry["after"]["reason"]) == (KARI, "usage.write_off", reason)


async def paged(api: Api, path: str, name: str) -> list[dict[str, Any]]:
    """All of a list, two at a time."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = (await api.finance("GET", f"{path}?limit=2{cursor}")).json()
        assert len(page[name]) <= 2
        found += page[name]
        if page["cursor"] is None:
            return found
        cursor = f"&cursor={page['cursor']}"


async def test_every_list_is_paged_to_its_end(api: Api) -> None:
    for number in range(5):
        await api.finance("POST", f"customers/k{number}", RECORD | {"accounts": [f"konto-{number}"]})
        await api.use(f"konto-{number}", 1)
        await api.use(f"left-{number}", 1)
    left = [f"left-{number}" for number in range(5)]
    await api.finance("POST", f"periods/{THIS_MONTH}/close", {"early": True, "leave": left})
    await api.work()
    assert [one["number"] for one in await paged(api, "invoices", "invoices")] == list(range(100001, 100006))
    assert [one["customer_id"] for one in await paged(api, "customers", "customers")] == [f"k{n}" for n in range(5)]
    assert [one["account"] for one in await paged(api, "waiting", "waiting")] == left
    assert [one["subject"] for one in await paged(api, "audit", "entries")] == [
        THIS_MONTH,
        "k4",
        "k3",
        "k2",
        "k1",
        "k0",
    ]
    assert [one["period"] for one in await paged(api, "periods", "periods")] == [THIS_MONTH]
    for path in ("invoices", "audit"):
        answer = await api.finance("GET", f"{path}?cursor=Zm9v")
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "invalid_cursor")
