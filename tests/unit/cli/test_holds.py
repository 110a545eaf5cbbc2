"""`holds`: what is asked of the gateway, and what people and scripts see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from cli import settings
from tests.unit.cli.conftest import Run
from tests.unit.cli.gateway import Answer, FakeGateway, problem

ID = "hold_5c1f0a9be27d4483a6f01c22"
HOLD: dict[str, Any] = {
    "id": ID,
    "account": "skole",
    "state": "open",
    "opened_at": "2026-11-23T10:15:00Z",
    "findings": [
        {"rule": "unapproved_link", "evidence": ["lodd.example"]},
        {"rule": "unusual_volume", "evidence": []},
    ],
    "messages": {"waiting": 12, "released": 0, "rejected": 0, "expired": 1},
    "decided": None,
}
SAMPLES = [{"id": "m1", "from": "Skolen", "text": "Se\nlodd.example"}, {"id": "m2", "from": "Skolen", "text": None}]
DECIDED = {
    "by": "0f1e2d3c",
    "name": "Kari Nordmann",
    "reason": "kjent kunde",
    "at": "2026-11-23T10:20:00Z",
    "approved_domains": ["lodd.example"],
}

Start = Callable[..., FakeGateway]


def answer(body: object, status: int = 200) -> Answer:
    return Answer(status, msgspec.json.encode(body))


@pytest.fixture(autouse=True)
def staff_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(settings.STAFF_KEY, "bsk_staff_of_the_environment")


@pytest.mark.parametrize(
    ("arguments", "method", "path", "body"),
    [
        (f"holds show {ID}", "GET", f"/admin/holds/{ID}", None),
        ("holds show ../staff", "GET", "/admin/holds/..%2Fstaff", None),
        (f"holds approve {ID}", "POST", f"/admin/holds/{ID}/approve", {}),
        (
            f"holds approve {ID} --remember-domains --reason kjent",
            "POST",
            f"/admin/holds/{ID}/approve",
            {"remember_domains": True, "reason": "kjent"},
        ),
        (f"holds reject {ID} --reason svindel", "POST", f"/admin/holds/{ID}/reject", {"reason": "svindel"}),
    ],
)
def test_what_is_asked(
    budstikke: Run, gateway: Start, arguments: str, method: str, path: str, body: dict[str, Any] | None
) -> None:
    fake = gateway(answer(HOLD))

    assert budstikke(*arguments.split()).exit_code == 0

    (asked,) = fake.asked
    assert (asked.method, asked.path) == (method, path)
    assert asked.body == body


def test_a_list_shows_what_is_open_over_all_pages(budstikke: Run, gateway: Start) -> None:
    other = {**HOLD, "id": "hold_2", "account": "klubb", "findings": [{"rule": "monthly_cap", "evidence": ["2026-11"]}]}
    fake = gateway(answer({"holds": [HOLD], "cursor": "next"}), answer({"holds": [other], "cursor": None}))

    shown = budstikke("holds", "list", "--account", "skole")

    assert [one.path for one in fake.asked] == [
        "/admin/holds?limit=200&state=open&account=skole",
        "/admin/holds?limit=200&state=open&account=skole&cursor=next",
    ]
    heading, first, _, second = shown.stdout.splitlines()
    assert heading.split() == ["ID", "ACCOUNT", "STATE", "MESSAGES", "SINCE", "WHY"]
    assert first.split(maxsplit=5)[:4] == [ID, "skole", "open", "13"]
    assert first.endswith("unapproved_link lodd.example; unusual_volume")
    assert second.endswith("monthly_cap 2026-11")


def test_a_list_of_all_asks_for_all(budstikke: Run, gateway: Start) -> None:
    fake = gateway(answer({"holds": [], "cursor": None}))

    budstikke("holds", "list", "--state", "all")

    assert fake.asked[0].path == "/admin/holds?limit=200"


def test_a_hold_is_shown_with_some_of_its_messages_on_one_line_each(budstikke: Run, gateway: Start) -> None:
    gateway(answer({**HOLD, "state": "approved", "decided": DECIDED, "samples": SAMPLES}))

    lines = budstikke("holds", "show", ID).stdout.splitlines()

    assert lines[2:4] == ["  waiting  12", "  expired  1"]
    assert lines[4] == "  approved by Kari Nordmann at 2026-11-23T10:20:00Z, and approved lodd.example"
    assert lines[5] == "  reason  kjent kunde"
    assert lines[6].split() == ["m1", "Skolen", "Se\N{REPLACEMENT CHARACTER}lodd.example"]
    assert lines[7].split() == ["m2", "Skolen", "-"]


def test_a_decision_without_a_reason_or_a_name_shows_the_key(budstikke: Run, gateway: Start) -> None:
    gateway(answer({**HOLD, "state": "rejected", "decided": DECIDED | {"name": None, "reason": None}}))

    assert budstikke("holds", "show", ID).stdout.splitlines()[4:] == [
        "  rejected by 0f1e2d3c at 2026-11-23T10:20:00Z, and approved lodd.example"
    ]


def test_json_is_the_gateways_own(budstikke: Run, gateway: Start) -> None:
    gateway(answer(HOLD))

    assert msgspec.json.decode(budstikke("holds", "show", ID, "--json").stdout) == HOLD


def test_a_decision_that_was_made_otherwise_is_a_refusal(budstikke: Run, gateway: Start) -> None:
    gateway(problem(409, "hold_decided", "Hold decided"))

    shown = budstikke("holds", "approve", ID)

    assert shown.exit_code == 1
    assert "hold_decided" in shown.stderr
