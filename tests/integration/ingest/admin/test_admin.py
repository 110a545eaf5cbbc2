"""Accounts from their beginning to their end, over real sockets, on the real database and broker."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable
from typing import Any

import httpx
import msgspec
import pytest

from services.ingest.accounts.staff import Role
from shared.contracts.accounts import AccountChanged
from shared.contracts.codec import only
from shared.contracts.words import AccountState
from shared.kafka.record import Record
from tests.integration.ingest.admin.conftest import Admin
from tests.integration.ingest.api.conftest import watching
from tests.support import wait_until

SEND = {"to": "99999999", "text": "Hei"}
PATIENCE = 2.0


async def everywhere(doors: Iterable[httpx.AsyncClient], status: int, *, post: bool = True) -> list[httpx.Response]:
    """Every door answers with this status within 2 s; the answers."""
    answers: list[httpx.Response] = []

    async def all_say_so() -> bool:
        asked = [door.post("/v1/messages", json=SEND) if post else door.get("/v1/messages/x") for door in doors]
        answers[:] = await asyncio.gather(*asked)
        return {answer.status_code for answer in answers} == {status}

    await wait_until(all_say_so, deadline=PATIENCE, waiting_for=f"{status} at every door")
    return answers


async def test_a_new_account_with_a_new_key_sends_at_once(admin: Admin) -> None:
    account = await admin.account()
    key = await admin.key_of(account)
    assert key["key"].startswith("bsk_")
    answers = await everywhere(admin.doors(f"Bearer {key['key']}"), 202)
    assert answers[0].json()["messages"][0]["state"] == "accepted"
    listed = (await admin.http.get(f"/admin/accounts/{account}/keys")).json()
    assert [one["id"] for one in listed["keys"]] == [key["id"]]
    assert key["key"].rpartition("_")[2] not in str(listed)


async def test_a_suspended_account_reads_and_does_not_send_until_it_is_resumed(admin: Admin) -> None:
    account = await admin.account()
    doors = admin.doors(f"Bearer {(await admin.key_of(account))['key']}")
    await everywhere(doors, 202)
    answer = await admin.http.post(f"/admin/accounts/{account}/suspend", json={"reason": "Phishing"})
    assert (answer.status_code, answer.json()["state"]) == (200, "suspended")
    refused = await everywhere(doors, 403)
    assert {one.json()["code"] for one in refused} == {"account_suspended"}
    assert {one.headers["content-type"] for one in refused} == {"application/problem+json"}
    await everywhere(doors, 404, post=False)
    assert (await admin.http.post(f"/admin/accounts/{account}/resume")).json()["state"] == "active"
    await everywhere(doors, 202)


@pytest.mark.parametrize(
    ("what", "code", "pointer", "still_good"),
    [
        ({"lanes": ["standard"]}, "lane_suspended", "/lane", {"lane": "bulk"}),
        ({"senders": ["nordvik"]}, "sender_suspended", "/from", {"from": "Skolen"}),
    ],
)
async def test_a_part_of_an_account_is_suspended(
    admin: Admin, what: dict[str, Any], code: str, pointer: str, still_good: dict[str, str]
) -> None:
    account = await admin.account()
    doors = admin.doors(f"Bearer {(await admin.key_of(account))['key']}")
    answer = await admin.http.post(f"/admin/accounts/{account}/suspend", json=what)
    assert answer.json()["state"] == "active"
    for refused in await everywhere(doors, 403):
        assert (refused.json()["code"], refused.json()["errors"][0]["pointer"]) == (code, pointer)
    assert (await doors[0].post("/v1/messages", json={**SEND, **still_good})).status_code == 202
    await admin.http.post(f"/admin/accounts/{account}/resume", json=what)
    await everywhere(doors, 202)


async def test_a_closed_account_has_no_keys_and_stays_closed(admin: Admin) -> None:
    account = await admin.account()
    doors = admin.doors(f"Bearer {(await admin.key_of(account))['key']}")
    await everywhere(doors, 202)
    for _ in range(2):
        answer = await admin.http.post(f"/admin/accounts/{account}/close", json={"reason": "Left"})
        assert answer.json()["state"] == "closed"
    await everywhere(doors, 401)
    for method, path, body in (
        ("POST", "/resume", None),
        ("POST", "/suspend", None),
        ("PATCH", "", {"name": "Other"}),
        ("POST", "/keys", {"name": "web"}),
        ("POST", "/password", None),
        ("PUT", "/access", {"ip_ranges": []}),
    ):
        refused = await admin.http.request(method, f"/admin/accounts/{account}{path}", json=body)
        assert (refused.status_code, refused.json()["code"]) == (409, "account_closed"), path


async def test_a_rotated_key_stays_good_beside_the_new_one_for_the_time_chosen(admin: Admin) -> None:
    account = await admin.account()
    old = await admin.key_of(account)
    path = f"/admin/accounts/{account}/keys/{old['id']}"
    fresh = (await admin.http.post(f"{path}/rotate", json={"overlap_seconds": 1})).json()
    assert (fresh["name"], fresh["scopes"]) == (old["name"], old["scopes"])
    await everywhere(admin.doors(f"Bearer {fresh['key']}"), 202)
    await wait_for_end(admin, old["key"], within=3.0)
    again = await admin.http.post(f"{path}/rotate", json={})
    assert (again.status_code, again.json()["code"]) == (409, "key_not_active")


async def wait_for_end(admin: Admin, key: str, within: float) -> None:
    doors = admin.doors(f"Bearer {key}")

    async def refused() -> bool:
        answers = await asyncio.gather(*(door.post("/v1/messages", json=SEND) for door in doors))
        return {answer.status_code for answer in answers} == {401}

    await wait_until(refused, deadline=within, waiting_for="401 at every door")


async def test_a_key_rotated_without_overlap_or_revoked_is_refused_everywhere_within_two_seconds(
    admin: Admin,
) -> None:
    account = await admin.account()
    first = await admin.key_of(account)
    doors = admin.doors(f"Bearer {first['key']}")
    await everywhere(doors, 202)
    path = f"/admin/accounts/{account}/keys"
    second = (await admin.http.post(f"{path}/{first['id']}/rotate", json={"overlap_seconds": 0})).json()
    await everywhere(doors, 401)
    others = admin.doors(f"Bearer {second['key']}")
    await everywhere(others, 202)
    for _ in range(2):
        assert (await admin.http.delete(f"{path}/{second['id']}")).status_code == 204
    await everywhere(others, 401)


async def test_a_change_of_addresses_holds_everywhere_within_two_seconds(admin: Admin) -> None:
    account = await admin.account()
    doors = admin.doors(f"Bearer {(await admin.key_of(account))['key']}")
    path = f"/admin/accounts/{account}/access"
    elsewhere = {"ip_ranges": [{"from": "192.0.2.1", "to": "192.0.2.9"}, {"from": "2001:db8::1", "to": "2001:db8::9"}]}
    here = {"ip_ranges": [*elsewhere["ip_ranges"], {"from": "127.0.0.0", "to": "127.0.0.1"}]}
    for body, status in ((elsewhere, 401), (here, 202), (elsewhere, 401), ({"ip_ranges": []}, 202)):
        answer = await admin.http.put(path, json=body)
        assert answer.json()["access"]["ip_ranges"] == body["ip_ranges"]
        await everywhere(doors, status)


async def test_an_account_gets_in_by_password_or_by_address_alone(admin: Admin) -> None:
    account = await admin.account()
    made = (await admin.http.post(f"/admin/accounts/{account}/password")).json()
    assert made["user"] == account
    by_password = admin.doors(httpx.BasicAuth(account, made["password"]))
    by_address = admin.doors(httpx.BasicAuth(account, ""))
    await everywhere(by_password, 202)
    await everywhere(by_address, 401)
    wrong = await admin.at(admin.urls[0], httpx.BasicAuth(account, made["password"][:-1])).post(
        "/v1/messages", json=SEND
    )
    assert (wrong.status_code, wrong.json()["code"]) == (401, "unauthorized")
    body = {"ip_ranges": [{"from": "127.0.0.1", "to": "127.0.0.1"}], "address_suffices": True}
    assert (await admin.http.put(f"/admin/accounts/{account}/access", json=body)).status_code == 200
    await everywhere(by_address, 202)
    assert (await admin.http.delete(f"/admin/accounts/{account}/password")).status_code == 204
    await everywhere(by_password, 401)
    shown = (await admin.http.get(f"/admin/accounts/{account}")).json()
    assert shown["access"]["password"] is False


async def test_a_forwarded_address_is_believed_from_nobody_by_default(admin: Admin) -> None:
    account = await admin.account()
    doors = admin.doors(f"Bearer {(await admin.key_of(account))['key']}")
    body = {"ip_ranges": [{"from": "192.0.2.1", "to": "192.0.2.9"}]}
    await admin.http.put(f"/admin/accounts/{account}/access", json=body)
    for door in doors:
        door.headers["x-forwarded-for"] = "192.0.2.5"
    await everywhere(doors, 401)


async def test_every_change_is_on_the_audit_record_without_secrets(admin: Admin) -> None:
    account = await admin.account()
    key = await admin.key_of(account)
    password = (await admin.http.post(f"/admin/accounts/{account}/password")).json()["password"]
    await admin.http.patch(f"/admin/accounts/{account}", json={"name": "Ny", "limits": {"messages_per_second": 7}})
    await admin.http.patch(f"/admin/accounts/{account}", json={"name": "Ny"})
    await admin.http.post(f"/admin/accounts/{account}/suspend", json={"lanes": ["bulk"], "reason": "Klage"})
    await admin.http.delete(f"/admin/accounts/{account}/keys/{key['id']}")
    answer = await admin.http.get("/admin/audit", params={"account": account})
    entries = answer.json()["entries"]
    assert [one["action"] for one in entries] == [
        "key.revoke",
        "account.suspend",
        "account.change",
        "password.change",
        "key.create",
        "account.create",
    ]
    assert {one["actor"]["name"] for one in entries} == {"Ola Admin"}
    assert {(one["actor"]["role"], one["actor"]["ip"]) for one in entries} == {("admin", "127.0.0.1")}
    change = entries[2]
    assert (change["before"]["name"], change["after"]["name"]) == ("Nordvik skole", "Ny")
    assert change["after"]["limits"]["messages_per_second"] == 7
    assert entries[1]["reason"] == "Klage"
    secret = key["key"].rpartition("_")[2]
    assert not [word for word in (secret, password, "scrypt", "digest") if word in answer.text]
    pages = await pages_of(admin.http, "/admin/audit", "entries", account=account, limit=2)
    assert [one["id"] for one in pages] == [one["id"] for one in entries]


async def pages_of(http: httpx.AsyncClient, path: str, name: str, **query: Any) -> list[dict[str, Any]]:
    """Everything that a list holds, by its cursors."""
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        answer = await http.get(path, params={**query, **({"cursor": cursor} if cursor else {})})
        assert answer.status_code == 200, answer.text
        found += answer.json()[name]
        cursor = answer.json()["cursor"]
        if cursor is None:
            return found


async def test_others_are_told_of_the_account_as_it_is_now(admin: Admin, kafka: str) -> None:
    async with watching(kafka, "config.accounts", partitions=1) as topic:
        account = await admin.account()
        await admin.key_of(account)
        await admin.http.post(f"/admin/accounts/{account}/suspend", json={"senders": ["Vinner"]})
        await admin.http.post(f"/admin/accounts/{account}/suspend")
        told: list[AccountChanged] = []

        async def all_is_told() -> bool:
            records = [record for record in await topic.records() if record.key == account.encode()]
            told[:] = [only(AccountChanged, as_record(record)) for record in records]
            return bool(told) and told[-1].version == 4

        await wait_until(all_is_told)
    last = told[-1]
    assert (last.state, last.stopped_senders) == (AccountState.SUSPENDED, ("Vinner",))
    assert [one.version for one in told] == sorted(one.version for one in told)


def as_record(found: Any) -> Record:
    return Record(found.topic, found.partition, found.offset, 0, found.key, found.value, tuple(found.headers))


ROUTES: list[tuple[str, str, Any, set[Role]]] = [
    ("GET", "/admin/accounts", None, {Role.DESK, Role.OPERATIONS, Role.FINANCE, Role.ADMIN}),
    ("GET", "/admin/organisations", None, {Role.DESK, Role.OPERATIONS, Role.FINANCE, Role.ADMIN}),
    ("GET", "/admin/audit", None, {Role.OPERATIONS, Role.FINANCE, Role.ADMIN}),
    ("GET", "/admin/staff", None, {Role.ADMIN}),
    ("POST", "/admin/accounts/none/suspend", None, {Role.DESK, Role.OPERATIONS, Role.ADMIN}),
    ("POST", "/admin/accounts/none/resume", None, {Role.DESK, Role.OPERATIONS, Role.ADMIN}),
    ("POST", "/admin/accounts/none/close", None, {Role.ADMIN}),
    ("PATCH", "/admin/accounts/none", {}, {Role.OPERATIONS, Role.ADMIN}),
    ("GET", "/admin/accounts/none/keys", None, {Role.DESK, Role.OPERATIONS, Role.ADMIN}),
    ("POST", "/admin/accounts/none/keys", {"name": "n"}, {Role.OPERATIONS, Role.ADMIN}),
    ("DELETE", "/admin/accounts/none/keys/none", None, {Role.OPERATIONS, Role.ADMIN}),
    ("PUT", "/admin/accounts/none/access", {"ip_ranges": []}, {Role.OPERATIONS, Role.ADMIN}),
    ("DELETE", "/admin/staff/none", None, {Role.ADMIN}),
]


async def test_each_role_may_do_what_the_table_says(admin: Admin) -> None:
    people = {role: await admin.staff(role) for role in Role}
    for method, path, body, allowed in ROUTES:
        for role, http in people.items():
            answer = await http.request(method, path, json=body)
            permitted = answer.status_code in {200, 404}
            assert permitted is (role in allowed), f"{role} {method} {path}: {answer.status_code}"
            if not permitted:
                assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")


async def test_a_staff_key_that_is_revoked_is_refused_everywhere_and_the_last_admin_stays(admin: Admin) -> None:
    answer = await admin.http.post("/admin/staff", json={"name": "Kari", "role": "desk"})
    doors = admin.doors(f"Bearer {answer.json()['key']}")
    assert {(await door.get("/admin/accounts")).status_code for door in doors} == {200}
    assert (await admin.http.delete(f"/admin/staff/{answer.json()['id']}")).status_code == 204

    async def refused() -> bool:
        return {(await door.get("/admin/accounts")).status_code for door in doors} == {401}

    await wait_until(refused, deadline=PATIENCE)
    everybody = await pages_of(admin.http, "/admin/staff", "staff")
    admins = [one for one in everybody if one["role"] == "admin" and one["revoked_at"] is None]
    own = admin.key.split("_")[2]
    for other in admins:
        if other["id"] != own:
            assert (await admin.http.delete(f"/admin/staff/{other['id']}")).status_code == 204
    last = await admin.http.delete(f"/admin/staff/{own}")
    assert (last.status_code, last.json()["code"]) == (409, "last_admin")


async def test_an_accounts_own_administrator_sees_its_organisation_and_no_other(admin: Admin) -> None:
    organisation, other = await admin.organisation(), await admin.organisation()
    mine, sister, theirs = [await admin.account(owner) for owner in (organisation, organisation, other)]
    customer = admin.at(admin.urls[0], f"Bearer {(await admin.key_of(mine, 'admin'))['key']}")
    listed = await customer.get("/admin/accounts")
    assert [one["id"] for one in listed.json()["accounts"]] == sorted([mine, sister])
    assert (await customer.get(f"/admin/accounts/{sister}")).status_code == 200
    for method, path, body in (
        ("GET", f"/admin/accounts/{theirs}", None),
        ("GET", f"/admin/accounts/{theirs}/keys", None),
        ("POST", f"/admin/accounts/{theirs}/keys", {"name": "n"}),
        ("PUT", f"/admin/accounts/{theirs}/access", {"ip_ranges": []}),
        ("POST", f"/admin/accounts/{theirs}/password", None),
        ("GET", f"/admin/organisations/{other}", None),
    ):
        answer = await customer.request(method, path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path
    assert (await customer.post(f"/admin/accounts/{mine}/keys", json={"name": "n"})).status_code == 201
    for path in (f"/admin/accounts/{mine}/suspend", f"/admin/accounts/{mine}/close"):
        assert (await customer.post(path)).status_code == 403
    assert (await customer.post("/v1/messages", json=SEND)).json()["code"] == "scope_missing"


async def test_who_has_no_key_or_not_the_right_one_learns_nothing(admin: Admin) -> None:
    account = await admin.account()
    sender = admin.at(admin.urls[0], f"Bearer {(await admin.key_of(account))['key']}")
    assert (await sender.get("/admin/accounts")).json()["code"] == "scope_missing"
    wrong = admin.key[:-1] + ("B" if admin.key.endswith("A") else "A")
    for authorization in (None, "Bearer x", f"Bearer {wrong}", "Basic eDp5"):
        nobody = admin.at(admin.urls[0], authorization)
        for path in ("/admin/accounts", f"/admin/accounts/{account}", "/admin/accounts/none"):
            answer = await nobody.get(path)
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    on_messages = admin.at(admin.urls[0], f"Bearer {admin.key}")
    assert (await on_messages.post("/v1/messages", json=SEND)).status_code == 401


NEW = {"id": "x", "organisation": "none", "name": "N"}


BAD: list[tuple[str, str, Any, str, str]] = [
    ("POST", "/admin/accounts", {}, "/id", "missing_field"),
    ("POST", "/admin/accounts", {**NEW, "colour": "red"}, "/colour", "unknown_field"),
    ("POST", "/admin/accounts", {**NEW, "id": "a b"}, "/id", "wrong_form"),
    ("POST", "/admin/accounts", {**NEW, "id": "Gateway"}, "/id", "reserved"),
    ("POST", "/admin/accounts", {**NEW, "id": 7}, "/id", "wrong_type"),
    ("POST", "/admin/accounts", {**NEW, "name": ""}, "/name", "too_short"),
    ("POST", "/admin/accounts", {**NEW, "name": "a\u0007"}, "/name", "wrong_form"),
    (
        "POST",
        "/admin/accounts",
        {**NEW, "default_sender": "much too long a name"},
        "/default_sender",
        "sender_too_long",
    ),
    (
        "POST",
        "/admin/accounts",
        {**NEW, "limits": {"messages_per_second": "7"}},
        "/limits/messages_per_second",
        "wrong_type",
    ),
    (
        "POST",
        "/admin/accounts",
        {**NEW, "limits": {"messages_per_second": 0}},
        "/limits/messages_per_second",
        "out_of_range",
    ),
    (
        "PATCH",
        "/admin/accounts/none",
        {"limits": {"messages_per_month": -1}},
        "/limits/messages_per_month",
        "out_of_range",
    ),
    ("POST", "/admin/accounts", NEW, "/organisation", "unknown_organisation"),
    ("POST", "/admin/accounts", [], "", "wrong_type"),
    ("PATCH", "/admin/accounts/none", {"name": None}, "/name", "wrong_type"),
    ("POST", "/admin/accounts/none/suspend", {"lanes": ["fast"]}, "/lanes/0", "unknown_value"),
    ("POST", "/admin/accounts/none/suspend", {"premium": "yes"}, "/premium", "wrong_type"),
    ("POST", "/admin/accounts/none/keys", {"name": "n", "scopes": ["all"]}, "/scopes/0", "unknown_value"),
    ("POST", "/admin/accounts/none/keys", {"name": "n", "scopes": []}, "/scopes", "too_short"),
    ("POST", "/admin/accounts/none/keys/x/rotate", {"overlap_seconds": -1}, "/overlap_seconds", "out_of_range"),
    ("PUT", "/admin/accounts/none/access", {"ip_ranges": [{"from": "1.2.3.4"}]}, "/ip_ranges/0/to", "missing_field"),
    (
        "PUT",
        "/admin/accounts/none/access",
        {"ip_ranges": [{"from": "1.2.3", "to": "1.2.3.4"}]},
        "/ip_ranges/0/from",
        "invalid_address",
    ),
    (
        "PUT",
        "/admin/accounts/none/access",
        {"ip_ranges": [{"from": "1.2.3.4", "to": "::1"}]},
        "/ip_ranges/0/to",
        "mixed_families",
    ),
    (
        "PUT",
        "/admin/accounts/none/access",
        {"ip_ranges": [{"from": "1.2.3.4", "to": "1.2.3.3"}]},
        "/ip_ranges/0/to",
        "range_reversed",
    ),
    (
        "PUT",
        "/admin/accounts/none/access",
        {"ip_ranges": [], "address_suffices": True},
        "/address_suffices",
        "no_range",
    ),
    ("POST", "/admin/staff", {"name": "n", "role": "king"}, "/role", "unknown_value"),
    ("GET", "/admin/accounts?limit=0", None, "", "out_of_range"),
    ("GET", "/admin/accounts?limit=x", None, "", "wrong_type"),
    ("GET", "/admin/accounts?page=2", None, "", "unknown_field"),
    ("GET", "/admin/accounts?cursor=%21%21", None, "", "invalid_cursor"),
    ("GET", "/admin/accounts?cursor=x", None, "", "invalid_cursor"),
]
"""Method, path, body; the pointer and the code of the error. One test for all: a door takes seconds to open."""


async def test_what_is_wrong_with_a_request_is_named(admin: Admin) -> None:
    for method, path, body, pointer, code in BAD:
        answer = await admin.http.request(method, path, json=body)
        problem = answer.json()
        assert answer.headers["content-type"] == "application/problem+json", (method, path, body)
        assert (answer.status_code, problem["code"]) == (422, "invalid_request"), (method, path, body, problem)
        found = problem["errors"][0]
        assert (found["pointer"], found["code"]) == (pointer, code), (method, path, body, problem)
        assert found["message"]


UNREADABLE: list[tuple[bytes, dict[str, str], int, str]] = [
    (b"{", {}, 422, "invalid_json"),
    (b"\xff", {}, 422, "invalid_json"),
    (b'{"name": NaN}', {}, 422, "invalid_json"),
    (b"[" * 100_000, {}, 422, "invalid_json"),
    (b'{"id": "a", "id": "b"}', {}, 422, "invalid_request"),
    (b"{}", {"content-type": "text/plain"}, 415, "unsupported_media_type"),
    (b"{}", {"content-encoding": "gzip"}, 415, "unsupported_media_type"),
    (b" " * ((1 << 20) + 1), {}, 413, "body_too_large"),
]
"""Octets and headers; status and code of the problem."""


async def test_a_body_that_cannot_be_read_is_refused(admin: Admin) -> None:
    for content, headers, status, code in UNREADABLE:
        given = {"content-type": "application/json", **headers}
        answer = await admin.http.post("/admin/organisations", content=content, headers=given)
        assert (answer.status_code, answer.json()["code"]) == (status, code), (content[:40], headers)
        assert answer.headers["content-type"] == "application/problem+json"


async def test_an_id_is_taken_once_and_lists_come_in_pages(admin: Admin) -> None:
    organisation = await admin.organisation()
    accounts = sorted([await admin.account(organisation) for _ in range(5)])
    body = {"id": accounts[0], "organisation": organisation, "name": "Again"}
    taken = await admin.http.post("/admin/accounts", json=body)
    assert (taken.status_code, taken.json()["code"]) == (409, "already_exists")
    assert taken.json()["errors"][0]["pointer"] == "/id"
    customer = admin.at(admin.urls[0], f"Bearer {(await admin.key_of(accounts[0], 'admin'))['key']}")
    found = await pages_of(customer, "/admin/accounts", "accounts", limit=2)
    assert [one["id"] for one in found] == accounts


async def test_paths_and_methods_that_do_not_exist_are_problems_too(admin: Admin) -> None:
    for method, path, status in (
        ("GET", "/admin/nothing", 404),
        ("GET", "/admin/accounts/", 404),
        ("PUT", "/admin/accounts", 405),
        ("GET", f"/admin/accounts/{secrets.token_hex(4)}", 404),
    ):
        answer = await admin.http.request(method, path)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), path


async def test_the_document_names_every_route_and_problem(admin: Admin) -> None:
    nobody = admin.at(admin.urls[0])
    document = (await nobody.get("/admin/openapi.json")).json()
    kinds = {path.split("/")[2] for path in document["paths"]}
    assert kinds >= {"accounts", "clients", "organisations", "holds", "staff", "audit"}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert {"401", "403", "404", "409", "413", "415", "422", "500", "503"} <= set(operation["responses"]), path
            assert operation["summary"], (path, method)
    text = msgspec.json.encode(document).decode()
    for code in ("not_permitted", "account_closed", "already_exists", "last_admin", "key_not_active", "unauthorized"):
        assert f"`{code}`" in text


async def test_changes_that_meet_are_all_made_and_all_on_record(admin: Admin) -> None:
    account = await admin.account()
    answers = await asyncio.gather(
        *(
            admin.http.patch(f"/admin/accounts/{account}", json={"limits": {"messages_per_second": rate}})
            for rate in range(1, 9)
        )
    )
    assert {answer.status_code for answer in answers} == {200}
    entries = (await admin.http.get("/admin/audit", params={"account": account})).json()["entries"]
    assert len(entries) == 9
    shown = (await admin.http.get(f"/admin/accounts/{account}")).json()
    assert shown["version"] == 9
