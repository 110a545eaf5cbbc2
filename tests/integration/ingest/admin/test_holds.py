"""`/admin/holds`: who may look, who may decide, and what is put on record."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.ingest.accounts.staff import Role
from services.ingest.desk.store import DeskStore
from services.ingest.desk.taking import TakeOver
from services.ingest.screening.outputs import hold_id_of
from services.ingest.screening.verdict import Hold as Verdict
from shared.contracts.holds import Finding, HoldRule, MessageHeld
from shared.ids import AccountId
from shared.kafka.record import Received
from tests.integration.ingest.admin.conftest import Admin
from tests.integration.ingest.api.conftest import CLOCK
from tests.unit.dispatch.building import Letters, as_record


class Waiting:
    """Puts messages on hold, as screening and desk would."""

    def __init__(self, admin: Admin, letters: Letters) -> None:
        self._take = TakeOver(DeskStore(admin.store), lambda: None)
        self._letters = letters

    async def __call__(
        self, account: str, *domains: str, rule: HoldRule = HoldRule.UNAPPROVED_LINK, count: int = 1, hours: int = 0
    ) -> str:
        """The hold."""
        at = CLOCK.now() - timedelta(hours=hours)
        owner = AccountId(account)
        finding = Finding(rule=rule, evidence=domains)
        hold_id = ""
        for _ in range(count):
            request = self._letters.requested(account_id=owner, requested_at=at)
            seal = self._letters.sealer.seal
            text = seal(owner, request.message_id, "content", f"Se {domains[0]}", at) if domains else request.content
            fields = {name: getattr(request, name) for name in request.__struct_fields__} | {"content": text}
            request = type(request)(**fields)
            hold_id = hold_id_of(request, (Verdict(rule, domains),))
            event = MessageHeld(
                hold_id=hold_id_of(request, (Verdict(rule, domains),)),
                request=request,
                findings=(finding,),
                pseudonym="2026:00",
                held_at=at,
                expires_at=request.valid_until,
            )
            await self._take([Received(as_record("sms.holds", event, "hold_" + "0" * 24, "e"), event)], lambda _: None)
        return hold_id


@pytest.fixture
async def waiting(admin: Admin, tmp_path: Path) -> Waiting:
    await DeskStore(admin.store).prepare()
    return Waiting(admin, Letters(tmp_path))


async def audit_of(admin: Admin, account: str) -> list[dict[str, Any]]:
    answer = await admin.http.get("/admin/audit", params={"account": account})
    entries: list[dict[str, Any]] = answer.json()["entries"]
    return entries


async def test_the_desk_lists_reads_and_approves_and_the_record_says_who_when_and_from_where(
    admin: Admin, waiting: Waiting
) -> None:
    account = await admin.account()
    hold = await waiting(account, "lodd.example", count=2)
    desk = await admin.staff(Role.DESK)

    (listed,) = (await desk.get("/admin/holds", params={"account": account})).json()["holds"]
    read = (await desk.get(f"/admin/holds/{hold}")).json()
    approved = await desk.post(f"/admin/holds/{hold}/approve", json={"reason": "kjent kunde"})
    (decided,) = (await desk.get("/admin/holds", params={"account": account})).json()["holds"]

    assert (listed["id"], listed["account"], listed["state"]) == (hold, account, "open")
    assert listed["findings"] == [{"rule": "unapproved_link", "evidence": ["lodd.example"]}]
    assert listed["messages"] == {"waiting": 2, "released": 0, "rejected": 0, "expired": 0, "cancelled": 0}
    assert listed["decided"] is None
    assert [sample["from"] for sample in read["samples"]] == ["Budstikke", "Budstikke"]
    assert {sample["text"] for sample in read["samples"]} == {"Se lodd.example"}
    assert "98765432" not in str(read)
    assert approved.status_code == 200
    assert approved.json()["state"] == "approved"
    entry = (await audit_of(admin, account))[0]
    assert (entry["action"], entry["subject"], entry["reason"]) == ("hold.approve", hold, "kjent kunde")
    assert (entry["before"], entry["after"]) == ({"state": "open"}, {"state": "approved"})
    assert (entry["actor"]["role"], entry["actor"]["ip"]) == ("desk", "127.0.0.1")
    shown = approved.json()["decided"]
    assert (shown["by"], shown["name"]) == (entry["actor"]["key_id"], entry["actor"]["name"])
    assert shown["reason"] == "kjent kunde"
    assert decided["decided"] == (await desk.get(f"/admin/holds/{hold}")).json()["decided"] == shown


async def test_approval_may_remember_the_domains(admin: Admin, waiting: Waiting) -> None:
    account = await admin.account(domains=["firma.example"])
    hold = await waiting(account, "a.lodd.example", "bank.example")

    answer = await admin.http.post(f"/admin/holds/{hold}/approve", json={"remember_domains": True})

    assert answer.json()["decided"]["approved_domains"] == ["a.lodd.example", "bank.example"]
    shown = (await admin.http.get(f"/admin/accounts/{account}")).json()
    assert shown["domains"] == ["a.lodd.example", "bank.example", "firma.example"]
    assert shown["version"] == 2
    actions = [entry["action"] for entry in await audit_of(admin, account)]
    assert actions[:2] == ["account.change", "hold.approve"]


async def test_a_rejection_is_on_record_and_stays(admin: Admin, waiting: Waiting) -> None:
    account = await admin.account()
    hold = await waiting(account, "lodd.example")

    first = await admin.http.post(f"/admin/holds/{hold}/reject", json={"reason": "svindel"})
    again = await admin.http.post(f"/admin/holds/{hold}/reject")
    other = await admin.http.post(f"/admin/holds/{hold}/approve")

    assert (first.status_code, first.json()["state"]) == (200, "rejected")
    assert (again.status_code, again.json()["decided"]) == (200, first.json()["decided"])
    assert (other.status_code, other.json()["code"]) == (409, "hold_decided")
    assert [entry["action"] for entry in await audit_of(admin, account)].count("hold.reject") == 1


@pytest.mark.parametrize(
    ("domains", "rule"),
    [
        (("bit.ly",), HoldRule.UNAPPROVED_LINK),
        (("10.0.0.1",), HoldRule.UNAPPROVED_LINK),
        (("fin.example", "oslo.no"), HoldRule.UNAPPROVED_LINK),
        (("2026-11",), HoldRule.MONTHLY_CAP),
        ((), HoldRule.UNUSUAL_VOLUME),
    ],
)
async def test_what_is_no_domain_of_one_owner_is_not_remembered_and_nothing_is_decided(
    admin: Admin, waiting: Waiting, domains: tuple[str, ...], rule: HoldRule
) -> None:
    account = await admin.account()
    hold = await waiting(account, *domains, rule=rule)

    answer = await admin.http.post(f"/admin/holds/{hold}/approve", json={"remember_domains": True})

    assert (answer.status_code, answer.json()["code"]) == (422, "domains_not_approvable")
    assert answer.json()["errors"][0]["pointer"] == "/remember_domains"
    assert (await admin.http.get(f"/admin/holds/{hold}")).json()["state"] == "open"
    assert (await admin.http.get(f"/admin/accounts/{account}")).json()["domains"] == []


async def test_nothing_is_remembered_for_an_account_that_is_closed_and_nothing_decided(
    admin: Admin, waiting: Waiting
) -> None:
    account = await admin.account()
    hold = await waiting(account, "lodd.example")
    await admin.http.post(f"/admin/accounts/{account}/close", json={})

    refused = await admin.http.post(f"/admin/holds/{hold}/approve", json={"remember_domains": True})

    assert (refused.status_code, refused.json()["code"]) == (409, "account_closed")
    assert (await admin.http.get(f"/admin/holds/{hold}")).json()["state"] == "open"
    assert "hold.approve" not in [entry["action"] for entry in await audit_of(admin, account)]


@pytest.mark.parametrize("role", [Role.OPERATIONS, Role.FINANCE])
async def test_others_of_the_staff_neither_look_nor_decide(admin: Admin, waiting: Waiting, role: Role) -> None:
    hold = await waiting(await admin.account(), "lodd.example")
    somebody = await admin.staff(role)

    for method, path in (("GET", ""), ("GET", f"/{hold}"), ("POST", f"/{hold}/approve"), ("POST", f"/{hold}/reject")):
        answer = await somebody.request(method, f"/admin/holds{path}")
        assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted"), path


async def test_an_accounts_own_key_neither_looks_nor_decides(admin: Admin, waiting: Waiting) -> None:
    account = await admin.account()
    hold = await waiting(account, "lodd.example")
    key = (await admin.key_of(account, "admin"))["key"]

    for method, path in (("GET", ""), ("POST", f"/{hold}/approve")):
        answer = await admin.at(admin.urls[0], f"Bearer {key}").request(method, f"/admin/holds{path}")
        assert answer.status_code == 403, path


async def test_lists_are_narrowed_and_go_from_the_oldest_page_by_page(admin: Admin, waiting: Waiting) -> None:
    account = await admin.account()
    holds = [await waiting(account, f"d{number}.example", hours=9 - number) for number in range(5)]
    await admin.http.post(f"/admin/holds/{holds[1]}/reject")

    query: dict[str, Any] = {"account": account, "state": "open", "limit": 3}
    first = (await admin.http.get("/admin/holds", params=query)).json()
    second = (await admin.http.get("/admin/holds", params=query | {"cursor": first["cursor"]})).json()

    assert [one["id"] for one in (*first["holds"], *second["holds"])] == [holds[0], *holds[2:]]
    assert second["cursor"] is None


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/admin/holds/hold_none", None, 404, "not_found"),
        ("POST", "/admin/holds/hold_none/approve", {}, 404, "not_found"),
        ("POST", "/admin/holds/hold_none/reject", None, 404, "not_found"),
        ("GET", "/admin/holds?state=closed", None, 422, "invalid_request"),
        ("GET", "/admin/holds?cursor=!!", None, 422, "invalid_request"),
        ("GET", "/admin/holds?cursor=YWJj", None, 422, "invalid_request"),
        ("GET", "/admin/holds?limit=0", None, 422, "invalid_request"),
        ("POST", "/admin/holds/hold_none/approve", {"remember": True}, 422, "invalid_request"),
        ("POST", "/admin/holds/hold_none/approve", {"remember_domains": "yes"}, 422, "invalid_request"),
        ("POST", "/admin/holds/hold_none/reject", {"reason": "a\nb"}, 422, "invalid_request"),
    ],
)
async def test_bad_requests(admin: Admin, method: str, path: str, body: object, status: int, code: str) -> None:
    answer = await admin.http.request(method, path, **({} if body is None else {"json": body}))

    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_senders_domains_and_quiet_hours_of_an_account(admin: Admin) -> None:
    account = await admin.account(senders=["Skolen", "22222222", "Skolen"], domains=["WWW.Skole.example"])
    shown = (await admin.http.get(f"/admin/accounts/{account}")).json()
    assert (shown["senders"], shown["domains"]) == (["+4722222222", "Skolen"], ["skole.example"])
    assert shown["quiet_hours"] == {"from": 20, "to": 8}

    changed = await admin.http.patch(
        f"/admin/accounts/{account}", json={"senders": [], "quiet_hours": {"from": 0, "to": 0}}
    )

    assert (changed.json()["senders"], changed.json()["domains"]) == ([], ["skole.example"])
    assert changed.json()["quiet_hours"] == {"from": 0, "to": 0}


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"senders": ["abcdefghijkl"]}, "/senders/0", "sender_too_long"),
        ({"senders": ["?"]}, "/senders/0", "invalid_sender"),
        ({"domains": ["kommune.no"]}, "/domains/0", "invalid_domain"),
        ({"domains": ["https://a.no"]}, "/domains/0", "invalid_domain"),
        ({"quiet_hours": {"from": 24, "to": 8}}, "/quiet_hours/from", "out_of_range"),
        ({"quiet_hours": {"from": 20}}, "/quiet_hours/to", "missing_field"),
        ({"quiet_hours": None}, "/quiet_hours", "wrong_type"),
    ],
)
async def test_bad_senders_domains_and_hours(admin: Admin, body: dict[str, Any], pointer: str, code: str) -> None:
    path = f"/admin/accounts/{await admin.account()}"
    before = (await admin.http.get(path)).json()
    answer = await admin.http.patch(path, json=body)

    assert answer.status_code == 422
    assert [(one["pointer"], one["code"]) for one in answer.json()["errors"]] == [(pointer, code)]
    assert (await admin.http.get(path)).json() == before
