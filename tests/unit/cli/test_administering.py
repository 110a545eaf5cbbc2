"""`accounts`, `keys`, `staff`: what is asked of the gateway, and what people and scripts see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from cli import settings
from tests.unit.cli.conftest import Run
from tests.unit.cli.gateway import Answer, FakeGateway, problem

KEY_TEXT = "bsk_0123456789abcdef_secret"
ACCOUNT = {
    "id": "skole",
    "organisation": "nordvik",
    "name": "Nordvik skole",
    "state": "active",
    "default_sender": "Nordvik",
    "suspended": {"lanes": ["bulk"], "senders": [], "premium": True},
    "version": 3,
}
KEY = {
    "id": "0123456789abcdef",
    "name": "web",
    "scopes": ["messages:read", "messages:send"],
    "created_at": "2026-11-22T10:15:00Z",
    "expires_at": None,
    "revoked_at": None,
    "last_used_on": "2026-11-23",
}
PERSON = {"id": "0123456789abcdef", "name": "Kari", "role": "desk", "created_at": "2026-11-22T10:15:00Z"}

Start = Callable[..., FakeGateway]


def answer(body: object, status: int = 200) -> Answer:
    return Answer(status, msgspec.json.encode(body))


@pytest.fixture(autouse=True)
def staff_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(settings.STAFF_KEY, "bsk_staff_of_the_environment")


@pytest.mark.parametrize(
    ("arguments", "given", "method", "path", "body"),
    [
        ("accounts show skole", ACCOUNT, "GET", "/admin/accounts/skole", None),
        ("accounts show ../staff", ACCOUNT, "GET", "/admin/accounts/..%2Fstaff", None),
        (
            "accounts create skole --organisation nordvik --name Skole --from Nordvik",
            ACCOUNT,
            "POST",
            "/admin/accounts",
            {"id": "skole", "organisation": "nordvik", "name": "Skole", "default_sender": "Nordvik"},
        ),
        (
            "accounts change skole --from Skolen --from SFO --domain skole.example --quiet 21 7",
            ACCOUNT,
            "PATCH",
            "/admin/accounts/skole",
            {
                "senders": ["Skolen", "SFO"],
                "domains": ["skole.example"],
                "quiet_hours": {"from": 21, "to": 7},
            },
        ),
        (
            "accounts change skole --quiet 0 0",
            ACCOUNT,
            "PATCH",
            "/admin/accounts/skole",
            {"quiet_hours": {"from": 0, "to": 0}},
        ),
        ("accounts suspend skole", ACCOUNT, "POST", "/admin/accounts/skole/suspend", {}),
        (
            "accounts suspend skole --lane bulk --lane express --from Vinner --premium --reason Klage",
            ACCOUNT,
            "POST",
            "/admin/accounts/skole/suspend",
            {"lanes": ["bulk", "express"], "senders": ["Vinner"], "premium": True, "reason": "Klage"},
        ),
        ("accounts resume skole --lane bulk", ACCOUNT, "POST", "/admin/accounts/skole/resume", {"lanes": ["bulk"]}),
        (
            "accounts close skole --yes --reason Left",
            ACCOUNT,
            "POST",
            "/admin/accounts/skole/close",
            {"reason": "Left"},
        ),
        ("keys create skole --name web", KEY, "POST", "/admin/accounts/skole/keys", {"name": "web"}),
        (
            "keys create skole --name web --for send --for test",
            KEY,
            "POST",
            "/admin/accounts/skole/keys",
            {"name": "web", "scopes": ["messages:send", "test"]},
        ),
        (
            "keys rotate skole 0123456789abcdef --overlap 60",
            KEY,
            "POST",
            "/admin/accounts/skole/keys/0123456789abcdef/rotate",
            {"overlap_seconds": 60},
        ),
        ("staff create --name Kari --role desk", PERSON, "POST", "/admin/staff", {"name": "Kari", "role": "desk"}),
    ],
)
def test_a_command_is_one_call_with_the_staff_key(
    gateway: Start, budstikke: Run, arguments: str, given: object, method: str, path: str, body: Any
) -> None:
    fake = gateway(answer(given))
    result = budstikke(*arguments.split())
    assert result.exit_code == 0, result.output
    (asked,) = fake.asked
    assert (asked.method, asked.path, asked.body) == (method, path, body)
    assert asked.authorization == "Bearer bsk_staff_of_the_environment"
    in_json = budstikke(*arguments.split(), "--json")
    assert msgspec.json.decode(in_json.stdout) == given


@pytest.mark.parametrize("command", ["show skole", "change skole --domain skole.example"])
def test_what_a_change_sets_is_shown(gateway: Start, budstikke: Run, command: str) -> None:
    set_to = {
        "senders": ["Skolen", "SFO"],
        "domains": ["skole.example"],
        "quiet_hours": {"from": 20, "to": 8},
    }
    gateway(answer(ACCOUNT | set_to), answer(ACCOUNT | {"quiet_hours": {"from": 0, "to": 0}}))
    lines = budstikke("accounts", *command.split()).output.splitlines()
    assert lines[2:] == [
        "  senders beside   Skolen, SFO",
        "  links to         skole.example",
        "  marketing waits  from 20 to 8",
    ]
    lines = budstikke("accounts", "show", "skole").output.splitlines()
    assert lines[2:] == ["  senders beside   -", "  links to         -", "  marketing waits  never"]


@pytest.mark.parametrize("arguments", ["keys revoke skole 0123456789abcdef", "staff revoke 0123456789abcdef"])
def test_revoking_says_nothing_when_it_is_done(gateway: Start, budstikke: Run, arguments: str) -> None:
    fake = gateway(Answer(204))
    result = budstikke(*arguments.split())
    assert (result.exit_code, result.output) == (0, "")
    assert fake.asked[0].method == "DELETE"


@pytest.mark.parametrize(
    ("arguments", "name", "one", "seen"),
    [
        ("accounts list", "accounts", ACCOUNT, ["skole", "nordvik", "active", "bulk, premium"]),
        ("keys list skole", "keys", KEY, ["0123456789abcdef", "web", "messages:read,messages:send", "2026-11-23"]),
        ("staff list", "staff", PERSON, ["0123456789abcdef", "Kari", "desk"]),
    ],
)
def test_a_list_goes_through_all_pages(
    gateway: Start, budstikke: Run, arguments: str, name: str, one: object, seen: list[str]
) -> None:
    fake = gateway(answer({name: [one], "cursor": "next"}), answer({name: [one], "cursor": None}))
    result = budstikke(*arguments.split())
    assert result.exit_code == 0, result.output
    assert [word for word in seen if result.output.count(word) < 2] == []
    assert [asked.path.partition("?")[2] for asked in fake.asked] == ["limit=200", "limit=200&cursor=next"]


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ("keys create skole --name web", KEY),
        ("keys rotate skole 0123456789abcdef", KEY),
        ("staff create --name Kari --role desk", PERSON),
    ],
)
def test_a_new_key_stands_alone_on_the_last_line(gateway: Start, budstikke: Run, arguments: str, given: Any) -> None:
    gateway(answer({**given, "key": KEY_TEXT}, 201))
    result = budstikke(*arguments.split())
    assert result.stdout.splitlines()[-1] == KEY_TEXT
    assert result.stdout.count(KEY_TEXT) == 1


def test_a_new_organisation_comes_first_and_may_be_there_already(gateway: Start, budstikke: Run) -> None:
    arguments = [
        "accounts",
        "create",
        "skole",
        "--organisation",
        "nordvik",
        "--name",
        "Skole",
        "--new-organisation",
        "Nordvik",
    ]
    fake = gateway(problem(409, "already_exists", "Already exists"), answer(ACCOUNT, 201))
    assert budstikke(*arguments).exit_code == 0
    assert [asked.path for asked in fake.asked] == ["/admin/organisations", "/admin/accounts"]
    gateway(problem(403, "not_permitted", "Not permitted"))
    assert budstikke(*arguments).exit_code == 1


def test_a_refusal_names_the_field_and_ends_with_1(gateway: Start, budstikke: Run) -> None:
    gateway(problem(422, "invalid_request", "Invalid request", ("/name", "too_short", "must have a length >= 1")))
    result = budstikke("accounts", "create", "x", "--organisation", "o", "--name", "")
    assert result.exit_code == 1
    assert "/name" in result.stderr
    assert "too_short" in result.stderr


def test_closing_wants_a_yes(gateway: Start, budstikke: Run) -> None:
    fake = gateway(answer(ACCOUNT))
    result = budstikke("accounts", "close", "skole")
    assert (result.exit_code, fake.asked) == (2, [])


def test_without_a_staff_key_nothing_is_asked_and_the_accounts_key_is_not_used(
    gateway: Start, budstikke: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = gateway(answer(ACCOUNT))
    monkeypatch.delenv(settings.STAFF_KEY)
    result = budstikke("accounts", "list")
    assert (result.exit_code, fake.asked) == (2, [])
    assert "BUDSTIKKE_STAFF_KEY" in result.stderr


def test_a_gateway_that_is_away_is_exit_code_3(budstikke: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(settings.API, "http://127.0.0.1:9")
    result = budstikke("accounts", "suspend", "skole")
    assert result.exit_code == 3
    assert "nothing was changed" in result.stderr


@pytest.mark.parametrize("command", ["accounts", "keys", "staff"])
def test_help_has_examples_that_parse_and_exit_codes(budstikke: Run, gateway: Start, command: str) -> None:
    text = budstikke(command, "--help").output
    assert "Examples:" in text
    assert "Exit codes:" in text
    assert "BUDSTIKKE_STAFF_KEY" in text


def test_a_change_of_nothing_is_wrong_usage(budstikke: Run) -> None:
    result = budstikke("accounts", "change", "skole")

    assert result.exit_code == 2
    assert "--domain" in result.output
