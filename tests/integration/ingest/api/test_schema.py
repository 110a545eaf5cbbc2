"""What the OpenAPI document says is what the door does: Schemathesis makes requests of it, good and bad."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio
from schemathesis import Case, GenerationMode
from schemathesis.schemas import BaseSchema

from services.ingest.accounts.keys import ALL_SCOPES, Scope
from services.ingest.accounts.store import DATABASE
from services.ingest.api.app import TITLE, VERSION
from services.ingest.api.document import document
from services.ingest.desk.rows import Held
from services.ingest.desk.store import DeskStore
from shared.ids import AccountId, MessageId
from shared.stores.mongodb import MongoStore
from tests.integration.ingest.api.behind import Behind, open_owner
from tests.integration.ingest.api.books_behind import BooksBehind, open_books
from tests.integration.ingest.api.conformity import ask, calls_of, named, read, with_input
from tests.integration.ingest.api.conftest import CLOCK, Caller, calling, open_door
from tests.integration.ingest.api.premium_behind import MONTH
from tests.integration.ingest.api.retention_behind import open_retention
from tests.support import wait_until
from tests.unit.dispatch.building import Letters

DOCUMENT = document(TITLE, VERSION)
CALLS = calls_of(DOCUMENT)
WITH_INPUT = with_input(DOCUMENT)
KNOWN = "99999999"
REAL = {"to": KNOWN, "from": None, "url": "https://example.no/sms"}
CHARGED = {"price": 4200, "service_code": "06002", "invoice_text": "Buss"}
UNPAID = ("short_number", "id", "one_time_password", "text")
NUMBER = "2012"
OTHERS = {
    "keywords": {"number": NUMBER, "keyword": "kjent", "reply": "Takk!"},
    "opt-outs": {"to": "+4790000077"},
}
GOOD = {200, 201, 202, 204}

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Known(msgspec.Struct, frozen=True):
    """Somebody at the door, and ids of things that are there: a document cannot say which are."""

    caller: Caller
    schema: BaseSchema
    ids: dict[str, str]
    """Ids of things, by the part of the path that names them, or by method and that."""
    endpoint: str
    delivery: str

    def real(self, case: Case) -> Case:
        """The same about something that is there, to somebody who can be sent to."""
        if "id" in (case.path_parameters or {}):
            parts = case.path.split("/")
            kind = parts[3] if parts[2] == "premium" else parts[2]
            case.path_parameters["id"] = self.ids.get(
                f"{case.method.lower()} {kind}", self.ids.get(kind, self.endpoint)
            )
        if "month" in (case.path_parameters or {}):
            case.path_parameters["month"] = MONTH
        if case.path == "/v1/retention" and isinstance(case.body, dict):
            case.body |= {"reason": "complaints"}
        if case.path == "/v1/privacy/requests" and isinstance(case.body, dict):
            case.body = {"number": KNOWN}
        if "number" in (case.path_parameters or {}):
            case.path_parameters["number"] = self.ids["invoices"]
        if "delivery" in (case.path_parameters or {}):
            case.path_parameters["delivery"] = self.delivery
        if case.query:
            case.query.pop("cursor", None)
        if isinstance(case.body, dict):
            case.body |= {name: value for name, value in REAL.items() if name in case.body}
            if case.path == "/v1/keywords":
                case.body = {"number": NUMBER, "keyword": secrets.token_hex(8), "reply": "Takk!"}
            if case.path == "/v1/premium/refunds":
                case.body = {"transaction_id": self.ids["transactions"]}
            elif "/premium/" in case.path:
                case.body |= CHARGED | ({"consent_ref": "avtale"} if case.path.endswith("/charges") else {})
                case.body = {name: value for name, value in case.body.items() if name not in UNPAID}
            if case.path == "/v1/premium/charges":
                case.headers["Idempotency-Key"] = secrets.token_hex(8)
        return case

    async def ask(self, method: str, path: str, mode: GenerationMode, change: Callable[[Case], Case]) -> set[int]:
        """Make requests of one call; the statuses that came."""
        url = str(self.caller.http.base_url).rstrip("/")
        return await asyncio.to_thread(ask, url, self.caller.key.text, self.schema[path][method], mode, change)


class Place(msgspec.Struct, frozen=True):
    """A door with the owner behind it, and the document that it serves, for all tests of the module."""

    url: str
    schema: BaseSchema
    owner: Behind
    books: BooksBehind
    mongodb: str
    folder: Path
    accounts: Iterator[AccountId]
    """Ids of accounts to come, who may charge."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(
    kafka: str, mongodb: str, valkey: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Place]:
    folder = tmp_path_factory.mktemp("schema")
    accounts = [AccountId(f"a{secrets.token_hex(6)}") for _ in range(3 * len(CALLS))]
    agreed = (
        {"merchant_id": "mer_test", "short_numbers": ["2002"], "service_codes": ["06002"]},
        {"merchant_id": "mer_demo", "short_numbers": [NUMBER], "service_codes": ["14002"]},  # of the example keyword
    )
    agreements = [{**agreement, "account": account} for account in accounts for agreement in agreed]
    (folder / "agreements.yaml").write_bytes(msgspec.json.encode({"agreements": agreements}))
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("BUDSTIKKE_PREMIUM_AGREEMENTS", str(folder / "agreements.yaml"))
        async with (
            open_owner(kafka, mongodb, valkey, folder, monkeypatch) as owner,
            open_books(mongodb, folder, monkeypatch) as books,
            open_retention(mongodb, folder, monkeypatch),
            open_door(kafka, mongodb, folder, monkeypatch, owner.url, valkey) as url,
        ):
            schema = await asyncio.to_thread(read, f"{url}/openapi.json")
            yield Place(url, schema, owner, books, mongodb, folder, iter(accounts))


@pytest_asyncio.fixture(loop_scope="module")
async def known(place: Place) -> AsyncIterator[Known]:
    """A new customer with a message, an endpoint and a parked delivery."""
    scopes, account_id = ALL_SCOPES | {Scope.ADMIN}, next(place.accounts)
    async with calling(place.url, place.mongodb, place.folder, scopes, account_id) as caller:
        sent = await _sent(caller)
        made = await caller.http.post("/v1/webhooks", json={"url": place.owner.receiver})
        endpoint = made.json()["id"]
        delivery = await place.owner.park(caller.account.account_id, endpoint)
        account = caller.account.account_id
        await place.owner.number(NUMBER, account)
        kept = {"messages": sent["messages"][0]["id"], "inbound": await place.owner.incoming(account)}
        kept["delete messages"] = await _held(place, account)
        kept["invoices"] = await place.books.invoice(account)
        kept |= await place.books.premium(account)
        for name, body in OTHERS.items():
            kept[name] = (await caller.http.post(f"/v1/{name}", json=body)).json()["id"]
        kept["privacy"] = (await caller.http.post("/v1/privacy/requests", json={"number": KNOWN})).json()["id"]
        yield Known(caller, place.schema, kept, endpoint, delivery)
        await place.owner.keep_no_keywords(account)


async def _held(place: Place, account_id: AccountId) -> MessageId:
    """A message of the account that waits at the desk."""
    letters = Letters(place.folder)
    request = letters.requested(account_id=account_id, requested_at=CLOCK.now())
    held = Held(
        message_id=request.message_id,
        account_id=account_id,
        why="hold_of_a_test",
        hold_id=None,
        lane=request.lane,
        pseudonym="2026:00",
        request=msgspec.json.encode(request),
        requested_at=request.requested_at,
        since=request.requested_at,
        expires_at=request.valid_until,
    )
    store = MongoStore(place.mongodb, DATABASE)
    await store.start()
    try:
        await DeskStore(store).keep([], [held])
    finally:
        await store.stop(5.0)
    return request.message_id


async def _sent(caller: Caller) -> Any:
    """What a message is answered with, once it is taken: a broker with much to do is a 503, which asks to try again."""
    taken: list[httpx.Response] = []

    async def accepted() -> bool:
        answer = await caller.http.post("/v1/messages", json={"to": KNOWN, "text": "Hei"})
        assert answer.status_code in {202, 503}, answer.text
        taken[:] = [answer]
        return answer.status_code == 202

    await wait_until(accepted, 30)
    return taken[0].json()


@pytest.mark.parametrize(("method", "path"), CALLS, ids=named(CALLS))
async def test_good_requests_are_answered_as_documented(known: Known, method: str, path: str) -> None:
    statuses = await known.ask(method, path, GenerationMode.POSITIVE, known.real)
    assert statuses & GOOD, "nothing was accepted"


@pytest.mark.parametrize(("method", "path"), WITH_INPUT, ids=named(WITH_INPUT))
async def test_bad_requests_are_refused_as_documented(known: Known, method: str, path: str) -> None:
    statuses = await known.ask(method, path, GenerationMode.NEGATIVE, lambda case: case)
    assert statuses & {404, 422}, "nothing was refused"


async def test_the_examples_of_bodies_are_taken(known: Known) -> None:
    for method, path in CALLS:
        body = DOCUMENT["paths"][path][method].get("requestBody")
        for example in body["content"]["application/json"]["examples"].values() if body else ():
            target = path.replace("{id}", known.endpoint)
            headers = {"Idempotency-Key": secrets.token_hex(8)}
            answer = await known.caller.http.request(method, target, json=example["value"], headers=headers)
            assert answer.status_code in GOOD, (method, path, answer.text)
