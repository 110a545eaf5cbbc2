from __future__ import annotations

from collections.abc import Callable

from tests.unit.cli.conftest import Run
from tests.unit.cli.gateway import ID, FakeGateway, message, problem

Start = Callable[..., FakeGateway]


def test_a_message_is_shown_with_its_way(gateway: Start, budstikke: Run) -> None:
    fake = gateway(message("undelivered", final=True, reason="barred"))
    result = budstikke("status", ID)
    assert result.exit_code == 0
    assert fake.asked[0].path == f"/v1/messages/{ID}"
    assert result.stdout.splitlines() == [
        f"{ID}  undelivered (barred)",
        "  to    +4790000001",
        "  from  Skolen",
        "  2026-11-22T10:15:00Z  accepted",
        "  2026-11-22T10:15:03Z  undelivered (barred)",
    ]


def test_json_is_passed_on_unchanged(gateway: Start, budstikke: Run) -> None:
    answer = message("submitted")
    gateway(answer)
    assert budstikke("status", ID, "--json").stdout_bytes == answer.body + b"\n"


def test_an_unknown_message_is_refused(gateway: Start, budstikke: Run) -> None:
    gateway(problem(404, "not_found", "Not found"))
    result = budstikke("status", ID)
    assert (result.exit_code, result.stderr) == (1, "refused: Not found (not_found)\n")


def test_an_id_cannot_leave_its_place_in_the_path(gateway: Start, budstikke: Run) -> None:
    fake = gateway(problem(404, "not_found", "Not found"))
    budstikke("status", "../admin?x")
    assert fake.asked[0].path == "/v1/messages/..%2Fadmin%3Fx"


def test_watching_prints_each_new_state_until_the_final_one(gateway: Start, budstikke: Run) -> None:
    away = problem(503, "unavailable", "Unavailable")
    gateway(message("queued"), message("queued"), away, message("delivered", final=True))
    result = budstikke("status", ID, "--watch")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[5:] == [f"{ID}  +4790000001  delivered"]


def test_watching_a_final_message_asks_once(gateway: Start, budstikke: Run) -> None:
    fake = gateway(message("rejected", final=True, reason="opted_out"))
    assert budstikke("status", ID, "--watch").exit_code == 5
    assert len(fake.asked) == 1


def test_watching_ends_when_time_is_up(gateway: Start, budstikke: Run) -> None:
    gateway(message("submitted"))
    result = budstikke("status", ID, "--watch", "--for", "0.1")
    assert (result.exit_code, result.stderr) == (5, "no final state within 0.1 s\n")
