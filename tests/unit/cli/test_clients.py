"""`clients`: what is asked of the gateway, and where the password goes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cli import settings
from tests.unit.cli.conftest import Run
from tests.unit.cli.gateway import Answer, FakeGateway, problem

CLIENT = {
    "account": "skole",
    "user": "client-skole",
    "requests": "clients.skole.requests",
    "events": "clients.skole.events",
    "groups": "client-skole.",
    "bootstrap": "kafka.example:9095",
    "created_at": "2026-11-22T10:15:00Z",
    "password_at": "2026-11-23T08:00:00Z",
}
PATH = "/admin/accounts/skole/client"
SECRET = "0123456789_abcdefghijklmnopqrstuvwxyz-ABCDE"

Start = Callable[..., FakeGateway]


def answer(body: object, status: int = 200) -> Answer:
    return Answer(status, msgspec.json.encode(body))


@pytest.fixture(autouse=True)
def staff_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(settings.STAFF_KEY, "bsk_staff_of_the_environment")


@pytest.mark.parametrize(("command", "path"), [("create", PATH), ("rotate", f"{PATH}/rotate")])
def test_a_new_password_stands_alone_on_the_last_line(gateway: Start, budstikke: Run, command: str, path: str) -> None:
    fake = gateway(answer({**CLIENT, "password": SECRET}, 201))
    result = budstikke("clients", command, "skole")
    assert result.exit_code == 0, result.output
    assert [(asked.method, asked.path, asked.body) for asked in fake.asked] == [("POST", path, None)]
    assert result.stdout.splitlines()[-1] == SECRET
    assert result.stdout.count(SECRET) == 1
    assert "clients.skole.requests" in result.stdout


def test_with_a_file_it_stands_there_alone(gateway: Start, budstikke: Run, tmp_path: Path) -> None:
    gateway(answer({**CLIENT, "password": SECRET}, 201))
    file = tmp_path / "keys" / "skole.env"
    result = budstikke("clients", "create", "skole", "--credentials-file", str(file))
    assert result.exit_code == 0, result.output
    assert SECRET not in result.output
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text().splitlines() == [
        "BUDSTIKKE_KAFKA_CLIENTS=kafka.example:9095",
        "BUDSTIKKE_KAFKA_USER=client-skole",
        f"BUDSTIKKE_KAFKA_PASSWORD={SECRET}",
    ]
    assert [path.name for path in file.parent.iterdir()] == ["skole.env"]


def test_a_repeat_leaves_the_file_and_says_that_the_password_is_the_old_one(
    gateway: Start, budstikke: Run, tmp_path: Path
) -> None:
    gateway(answer({**CLIENT, "password": None}))
    file = tmp_path / "skole.env"
    file.write_text("kept")
    result = budstikke("clients", "create", "skole", "--credentials-file", str(file))
    assert result.exit_code == 0
    assert "clients rotate" in result.stderr
    assert file.read_text() == "kept"
    assert [path.name for path in tmp_path.iterdir()] == ["skole.env"]


@pytest.mark.parametrize("place", [".", "there/is/a/file/x.env"])
def test_a_file_that_cannot_be_written_is_said_before_anything_is_asked(
    gateway: Start, budstikke: Run, tmp_path: Path, place: str
) -> None:
    fake = gateway(answer({**CLIENT, "password": SECRET}, 201))
    (tmp_path / "there").write_text("")
    result = budstikke("clients", "rotate", "skole", "--credentials-file", str(tmp_path / place))
    assert (result.exit_code, fake.asked) == (2, [])
    assert "cannot be written" in result.stderr


def test_a_refusal_leaves_the_file_as_it_was(gateway: Start, budstikke: Run, tmp_path: Path) -> None:
    gateway(problem(409, "clients_not_available", "Client systems not available", detail="no listener"))
    file = tmp_path / "skole.env"
    result = budstikke("clients", "create", "skole", "--credentials-file", str(file))
    assert result.exit_code == 1
    assert "clients_not_available" in result.stderr
    assert "no listener" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_in_json_the_password_is_part_of_the_answer_and_not_of_a_file(
    gateway: Start, budstikke: Run, tmp_path: Path
) -> None:
    given: dict[str, Any] = {**CLIENT, "password": SECRET}
    fake = gateway(answer(given, 201))
    assert msgspec.json.decode(budstikke("clients", "create", "skole", "--json").stdout) == given
    both = budstikke("clients", "create", "skole", "--json", "--credentials-file", str(tmp_path / "x"))
    assert (both.exit_code, len(fake.asked)) == (2, 1)


def test_the_list_goes_through_all_pages_and_revoking_says_nothing(gateway: Start, budstikke: Run) -> None:
    fake = gateway(answer({"clients": [CLIENT], "cursor": "next"}), answer({"clients": [CLIENT], "cursor": None}))
    listed = budstikke("clients", "list")
    assert listed.output.count("client-skole ") == 2
    assert [asked.path for asked in fake.asked] == ["/admin/clients?limit=200", "/admin/clients?limit=200&cursor=next"]
    fake = gateway(Answer(204))
    revoked = budstikke("clients", "revoke", "skole")
    assert (revoked.exit_code, revoked.output) == (0, "")
    assert [(asked.method, asked.path) for asked in fake.asked] == [("DELETE", PATH)]


def test_help_has_examples_and_exit_codes(budstikke: Run) -> None:
    text = budstikke("clients", "--help").output
    assert all(word in text for word in ("Examples:", "Exit codes:", "BUDSTIKKE_STAFF_KEY", "clients create skole"))
