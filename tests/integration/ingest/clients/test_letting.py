"""An account's systems are let in, and nobody else's; and they are shut out."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiokafka
import pytest
from aiokafka.errors import GroupAuthorizationFailedError, KafkaError, TopicAuthorizationFailedError

from deploy.local.kafka import Kafka
from services.ingest.accounts.book import AccountBook
from services.ingest.accounts.keys import KeyKind, make
from services.ingest.accounts.staff import CONSOLE, Role, StaffKey
from services.ingest.accounts.store import DATABASE, AccountStore
from shared.stores.mongodb import MongoStore
from tests.integration.ingest.admin.conftest import Admin
from tests.integration.ingest.api.conftest import CLOCK, open_door
from tests.integration.ingest.clients.systems import ClientSystem
from tests.support import wait_until


@pytest.fixture
async def admin(secured: Kafka, mongodb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Admin]:
    """Somebody with the role admin, at a door on a broker that client systems may log in to."""
    store = MongoStore(mongodb, DATABASE)
    await store.start()
    try:
        await AccountStore(store).prepare()
        key = make(secrets.token_bytes, KeyKind.STAFF)
        await AccountBook(store, CLOCK).add_staff(
            CONSOLE, StaffKey(key.key_id, "Ola Admin", Role.ADMIN, key.digest, CLOCK.now())
        )
        listener = secured.clients_bootstrap
        async with open_door(secured.bootstrap, mongodb, tmp_path, monkeypatch, kafka_clients=listener) as url:
            somebody = Admin(url, url, key.text, store)
            try:
                yield somebody
            finally:
                await somebody.close()
    finally:
        await store.stop(5.0)


class Let(ClientSystem, frozen=True):
    """An account's systems, let in."""

    account: str

    @property
    def requests(self) -> str:
        return f"clients.{self.account}.requests"

    @property
    def events(self) -> str:
        return f"clients.{self.account}.events"

    @property
    def group(self) -> str:
        return f"client-{self.account}.crm"


async def let_in(admin: Admin, account: str | None = None) -> Let:
    name = account or await admin.account()
    answer = await admin.http.post(f"/admin/accounts/{name}/client")
    assert answer.status_code == 201, answer.text
    told = answer.json()
    return Let(told["bootstrap"], told["user"], told["password"], name)


@pytest.fixture
async def acme(admin: Admin) -> Let:
    return await let_in(admin)


async def audited(admin: Admin, account: str) -> list[dict[str, Any]]:
    found = (await admin.http.get("/admin/audit", params={"account": account})).json()["entries"]
    return [entry for entry in found if entry["action"].startswith("client.")]


async def test_an_account_writes_its_requests_and_reads_its_events(secured: Kafka, acme: Let) -> None:
    await acme.write(acme.requests, b"{}")
    async with aiokafka.AIOKafkaProducer(bootstrap_servers=secured.bootstrap) as ours:
        await ours.send_and_wait(acme.events, b"told")
    assert await acme.read(acme.events, acme.group, 1) == [b"told"]


async def test_another_accounts_user_is_refused(admin: Admin, acme: Let) -> None:
    await admin.account(id=f"{acme.account}-2")
    other = await let_in(admin, f"{acme.account}-2")
    with pytest.raises(TopicAuthorizationFailedError):
        await other.write(acme.requests, b"{}")
    with pytest.raises(TopicAuthorizationFailedError):
        await other.read(acme.events, other.group, 1)
    with pytest.raises(GroupAuthorizationFailedError):
        await other.read(other.events, acme.group, 1)


async def test_a_client_system_gets_at_nothing_of_ours(acme: Let) -> None:
    with pytest.raises(TopicAuthorizationFailedError):
        await acme.write("sms.requests.express", b"{}")
    with pytest.raises(TopicAuthorizationFailedError):
        await acme.read(acme.requests, acme.group, 1)
    with pytest.raises(TopicAuthorizationFailedError):
        await acme.write(acme.events, b"{}")


async def test_a_wrong_password_is_refused(acme: Let) -> None:
    with pytest.raises(KafkaError):
        await acme.with_password("guess").write(acme.requests, b"{}")


async def test_a_repeat_keeps_the_password_and_shows_it_no_more(admin: Admin, acme: Let) -> None:
    answer = await admin.http.post(f"/admin/accounts/{acme.account}/client")
    assert (answer.status_code, answer.json()["password"]) == (200, None)
    await acme.write(acme.requests, b"{}")
    shown = await admin.http.get(f"/admin/accounts/{acme.account}/client")
    assert shown.json() == {name: value for name, value in answer.json().items() if name != "password"}


async def test_a_rotation_replaces_the_password(admin: Admin, acme: Let) -> None:
    answer = await admin.http.post(f"/admin/accounts/{acme.account}/client/rotate")
    assert answer.status_code == 201
    await acme.with_password(answer.json()["password"]).write(acme.requests, b"{}")
    with pytest.raises(KafkaError):
        await acme.write(acme.requests, b"{}")


async def test_who_is_shut_out_neither_logs_in_nor_goes_on(admin: Admin, acme: Let) -> None:
    open_producer = aiokafka.AIOKafkaProducer(**acme.options)
    await open_producer.start()
    try:
        await open_producer.send_and_wait(acme.requests, b"{}")
        assert (await admin.http.delete(f"/admin/accounts/{acme.account}/client")).status_code == 204

        async def refused() -> bool:
            try:
                await open_producer.send_and_wait(acme.requests, b"{}")
            except TopicAuthorizationFailedError:
                return True
            return False

        await wait_until(refused, 10.0, waiting_for="the open connection to be refused")
    finally:
        await open_producer.stop()
    with pytest.raises(KafkaError):
        await acme.write(acme.requests, b"{}")
    assert (await admin.http.get(f"/admin/accounts/{acme.account}/client")).status_code == 404
    assert (await admin.http.delete(f"/admin/accounts/{acme.account}/client")).status_code == 204
    again = await let_in(admin, acme.account)
    await again.write(acme.requests, b"{}")


async def test_who_is_closed_is_shut_out(admin: Admin, acme: Let) -> None:
    closed = await admin.http.post(f"/admin/accounts/{acme.account}/close", json={"reason": "Left"})
    assert (closed.json()["state"], closed.json()["access"]["kafka"]) == ("closed", False)
    with pytest.raises(KafkaError):
        await acme.write(acme.requests, b"{}")
    assert (await admin.http.post(f"/admin/accounts/{acme.account}/client")).json()["code"] == "account_closed"


async def test_every_change_is_on_the_audit_record_without_the_password(admin: Admin, acme: Let) -> None:
    path = f"/admin/accounts/{acme.account}/client"
    rotated = await admin.http.post(f"{path}/rotate")
    await admin.http.post(path)
    await admin.http.delete(path)
    await admin.http.delete(path)
    entries = await audited(admin, acme.account)
    assert [entry["action"] for entry in entries] == ["client.revoke", "client.rotate", "client.create"]
    assert {entry["actor"]["name"] for entry in entries} == {"Ola Admin"}
    assert {entry["actor"]["ip"] for entry in entries} == {"127.0.0.1"}
    assert all(entry["subject"] == acme.account and entry["at"] for entry in entries)
    everything = (await admin.http.get("/admin/audit", params={"account": acme.account})).text
    assert acme.password not in everything
    assert rotated.json()["password"] not in everything


async def test_those_who_are_in_are_listed_page_by_page(admin: Admin) -> None:
    organisation = await admin.organisation()
    let = [await let_in(admin, await admin.account(organisation)) for _ in range(3)]
    await admin.account(organisation)
    await admin.http.delete(f"/admin/accounts/{let[1].account}/client")
    key = (await admin.key_of(let[0].account, "admin"))["key"]
    theirs = admin.at(admin.urls[0], f"Bearer {key}")
    first = (await theirs.get("/admin/clients?limit=1")).json()
    second = (await theirs.get(f"/admin/clients?limit=1&cursor={first['cursor']}")).json()
    shown = [one["account"] for page in (first, second) for one in page["clients"]]
    assert shown == sorted([let[0].account, let[2].account])
    assert second["cursor"] is None
    assert {one["account"] for one in (await admin.http.get("/admin/clients?limit=200")).json()["clients"]} >= {*shown}


@pytest.mark.parametrize("role", [Role.DESK, Role.OPERATIONS, Role.FINANCE])
async def test_only_administrators_let_in_and_shut_out(admin: Admin, acme: Let, role: Role) -> None:
    somebody = await admin.staff(role)
    path = f"/admin/accounts/{acme.account}/client"
    for answer in (
        await somebody.post(path),
        await somebody.post(f"{path}/rotate"),
        await somebody.delete(path),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")
    await acme.write(acme.requests, b"{}")


async def test_accounts_that_are_not_there_are_not_let_in(admin: Admin) -> None:
    for answer in (
        await admin.http.post("/admin/accounts/nobody/client"),
        await admin.http.post(f"/admin/accounts/{await admin.account()}/client/rotate"),
        await admin.http.delete("/admin/accounts/nobody/client"),
    ):
        assert answer.status_code == 404
