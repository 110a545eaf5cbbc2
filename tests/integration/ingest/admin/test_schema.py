"""What the document of `/admin` says is what it does: Schemathesis makes requests of it, good and bad."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from schemathesis import Case, GenerationMode
from schemathesis.schemas import BaseSchema

from services.ingest.accounts.book import AccountBook
from services.ingest.accounts.keys import KeyKind, make
from services.ingest.accounts.staff import CONSOLE, Role, StaffKey
from services.ingest.accounts.store import DATABASE, AccountStore
from services.ingest.admin.actors import Actors
from services.ingest.admin.app import DOCUMENT, described
from services.ingest.api.app import VERSION
from services.ingest.desk.store import DeskStore
from shared.stores.mongodb import MongoStore
from tests.integration.ingest.admin.conftest import Admin
from tests.integration.ingest.admin.test_holds import Waiting
from tests.integration.ingest.api.books_behind import open_books
from tests.integration.ingest.api.conformity import ask, calls_of, named, read, with_input
from tests.integration.ingest.api.conftest import CLOCK, open_door
from tests.integration.ingest.api.retention_behind import open_retention
from tests.unit.dispatch.building import Letters

NOBODY: Any = None
OFFICE: Any = SimpleNamespace(actors=Actors(NOBODY, NOBODY, NOBODY, CLOCK), books=NOBODY, retention=NOBODY)
DESCRIBED = described(OFFICE, VERSION)
CALLS = calls_of(DESCRIBED)
OWNED = [(method, path) for method, path in CALLS if path.startswith(("/admin/books/", "/admin/privacy/"))]
OWN = [call for call in CALLS if call not in OWNED]
READ = [(method, path) for method, path in OWNED if method == "get"]
WITH_INPUT = with_input(DESCRIBED)
GOOD = {200, 201, 204}
LISTENER = "clients.example:9095"

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Place(msgspec.Struct, frozen=True):
    """A door, the document that it serves, and somebody with the role admin, for all tests of the module."""

    admin: Admin
    schema: BaseSchema
    waiting: Waiting

    async def ask(self, method: str, path: str, mode: GenerationMode, change: Callable[[Case], Case]) -> set[int]:
        """Make requests of one call, half of them changed; the statuses that came."""
        return await asyncio.to_thread(ask, self.admin.urls[0], self.admin.key, self.schema[path][method], mode, change)


class Known(msgspec.Struct, frozen=True):
    """Ids of things that are there: a document cannot say which are."""

    organisation: str
    account: str
    key: str
    person: str
    hold: str

    def real(self, case: Case) -> Case:
        """The same about something that is there, with a body that can be right."""
        if case.query:
            case.query.pop("cursor", None)
        if isinstance(case.body, dict) and "organisation" in case.body:
            case.body |= {"id": f"s{secrets.token_hex(6)}", "organisation": self.organisation, "default_sender": None}
        return self.there(case)

    def there(self, case: Case) -> Case:
        """The same about something that is there."""
        given = case.path_parameters or {}
        there = msgspec.structs.asdict(self)
        if "/staff/" in case.path:
            there["key"] = self.person
        given.update({name: value for name, value in there.items() if name in given})
        return case


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(kafka: str, mongodb: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    store = MongoStore(mongodb, DATABASE)
    await store.start()
    with pytest.MonkeyPatch.context() as monkeypatch:
        try:
            await AccountStore(store).prepare()
            key = make(secrets.token_bytes, KeyKind.STAFF)
            person = StaffKey(key.key_id, "Ola Admin", Role.ADMIN, key.digest, CLOCK.now())
            await AccountBook(store, CLOCK).add_staff(CONSOLE, person)
            folder = tmp_path_factory.mktemp("schema")
            async with (
                open_books(mongodb, folder, monkeypatch),
                open_retention(mongodb, folder, monkeypatch),
                open_door(kafka, mongodb, folder, monkeypatch, kafka_clients=LISTENER) as url,
            ):
                somebody = Admin(url, url, key.text, store)
                try:
                    await DeskStore(store).prepare()
                    yield Place(
                        somebody, await asyncio.to_thread(read, f"{url}{DOCUMENT}"), Waiting(somebody, Letters(folder))
                    )
                finally:
                    await somebody.close()
        finally:
            await store.stop(5.0)


@pytest_asyncio.fixture(loop_scope="module")
async def known(place: Place) -> Known:
    """A new account, whose systems come in over Kafka, with a key and a message on hold; and a person."""
    organisation = await place.admin.organisation()
    account = await place.admin.account(organisation)
    key = await place.admin.key_of(account)
    person = await place.admin.http.post("/admin/staff", json={"name": "Kari", "role": "desk"})
    let_in = await place.admin.http.post(f"/admin/accounts/{account}/client")
    assert let_in.status_code == 201, let_in.text
    hold = await place.waiting(account, "lodd.example")
    return Known(organisation, account, key["id"], person.json()["id"], hold)


async def test_the_document_is_served(place: Place) -> None:
    assert set(CALLS) == {
        (method, path) for path, calls in place.schema.raw_schema["paths"].items() for method in calls
    }


@pytest.mark.parametrize(("method", "path"), READ, ids=named(READ))
async def test_owners_answer_reads_of_staff_as_documented(place: Place, method: str, path: str) -> None:
    """Nothing is there yet, for others use these books. What staff orders is tried with bad requests alone."""
    statuses = await place.ask(method, path, GenerationMode.POSITIVE, lambda case: case)
    assert statuses <= {200, 404, 409, 422}
    assert statuses == {200} or "{" in path or "cursor" in str(DESCRIBED["paths"][path][method])


@pytest.mark.parametrize(("method", "path"), OWN, ids=named(OWN))
async def test_good_requests_are_answered_as_documented(place: Place, known: Known, method: str, path: str) -> None:
    statuses = await place.ask(method, path, GenerationMode.POSITIVE, known.real)
    assert statuses & GOOD, f"nothing was accepted: {statuses}"


@pytest.mark.parametrize(("method", "path"), WITH_INPUT, ids=named(WITH_INPUT))
async def test_bad_requests_are_refused_as_documented(place: Place, known: Known, method: str, path: str) -> None:
    statuses = await place.ask(method, path, GenerationMode.NEGATIVE, known.there)
    assert statuses & {404, 409, 422}, "nothing was refused"
