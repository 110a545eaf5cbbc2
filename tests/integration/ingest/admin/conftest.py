"""Two `api` roles on one broker and one database, as two processes would stand; and who calls them."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.ingest.accounts.book import AccountBook
from services.ingest.accounts.keys import KeyKind, make
from services.ingest.accounts.staff import CONSOLE, Role, StaffKey
from services.ingest.accounts.store import DATABASE, AccountStore
from shared.stores.mongodb import MongoStore
from shared.trust import trusted
from tests.integration.ingest.api.conftest import CLOCK, open_door


class Admin:
    """Somebody with a staff key, at the first of two doors."""

    def __init__(self, one: str, other: str, key: str, store: MongoStore) -> None:
        self.urls = (one, other)
        self.key = key
        self.store = store
        self._clients: list[httpx.AsyncClient] = []
        self.http = self.at(one, f"Bearer {key}")

    def at(self, url: str, authorization: str | httpx.Auth | None = None) -> httpx.AsyncClient:
        """A client of a door."""
        headers = {"authorization": authorization} if isinstance(authorization, str) else {}
        auth = authorization if isinstance(authorization, httpx.Auth) else None
        made = httpx.AsyncClient(
            base_url=url, headers=headers, auth=auth, timeout=30.0, verify=trusted(), trust_env=False
        )
        self._clients.append(made)
        return made

    def doors(self, authorization: str | httpx.Auth | None) -> list[httpx.AsyncClient]:
        """A client of each door, with these credentials."""
        return [self.at(url, authorization) for url in self.urls]

    async def staff(self, role: Role) -> httpx.AsyncClient:
        """Somebody else, with this role, at the first door."""
        answer = await self.http.post("/admin/staff", json={"name": f"Kari {role}", "role": role})
        assert answer.status_code == 201, answer.text
        return self.at(self.urls[0], f"Bearer {answer.json()['key']}")

    async def organisation(self) -> str:
        """A new organisation."""
        name = f"o{secrets.token_hex(6)}"
        answer = await self.http.post("/admin/organisations", json={"id": name, "name": "Nordvik"})
        assert answer.status_code == 201, answer.text
        return name

    async def account(self, organisation: str | None = None, **members: Any) -> str:
        """A new account."""
        name = f"a{secrets.token_hex(6)}"
        owner = organisation or await self.organisation()
        body = {"id": name, "organisation": owner, "name": "Nordvik skole", "default_sender": "Nordvik", **members}
        answer = await self.http.post("/admin/accounts", json=body)
        assert answer.status_code == 201, answer.text
        return name

    async def key_of(self, account: str, *scopes: str) -> dict[str, Any]:
        """A new key of an account."""
        body: dict[str, Any] = {"name": "web", **({"scopes": list(scopes)} if scopes else {})}
        answer = await self.http.post(f"/admin/accounts/{account}/keys", json=body)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def close(self) -> None:
        for one in self._clients:
            await one.aclose()


@asynccontextmanager
async def two_doors(
    kafka: str, mongodb: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[str, str]]:
    async with (
        open_door(kafka, mongodb, folder, monkeypatch) as one,
        open_door(kafka, mongodb, folder, monkeypatch) as other,
    ):
        yield one, other


@pytest.fixture
async def admin(kafka: str, mongodb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Admin]:
    store = MongoStore(mongodb, DATABASE)
    await store.start()
    try:
        await AccountStore(store).prepare()
        key = make(secrets.token_bytes, KeyKind.STAFF)
        person = StaffKey(key.key_id, "Ola Admin", Role.ADMIN, key.digest, CLOCK.now())
        await AccountBook(store, CLOCK).add_staff(CONSOLE, person)
        async with two_doors(kafka, mongodb, tmp_path, monkeypatch) as (one, other):
            somebody = Admin(one, other, key.text, store)
            try:
                yield somebody
            finally:
                await somebody.close()
    finally:
        await store.stop(5.0)
