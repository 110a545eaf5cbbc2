from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from tests.unit.cli.conftest import Run
from tests.unit.cli.gateway import ID, Answer, FakeGateway, accepted, message, problem

Start = Callable[..., FakeGateway]
ONE, TWO = "+4790000001", "+4790000002"
HELLO = ("--text", "Hei")


def test_a_message_is_handed_over_with_what_was_given(gateway: Start, budstikke: Run) -> None:
    fake = gateway(accepted(ONE, TWO))
    options = ("--from", "Skolen", "--category", "otp", "--lane", "bulk", "--reference", "r-1")
    result = budstikke("send", "--to", ONE, "--to", TWO, *HELLO, *options)
    assert result.exit_code == 0
    (asked,) = fake.asked
    assert (asked.method, asked.path, asked.authorization) == ("POST", "/v1/messages", "Bearer bsk_test")
    assert asked.body == {
        "to": [ONE, TWO],
        "text": "Hei",
        "from": "Skolen",
        "category": "otp",
        "lane": "bulk",
        "reference": "r-1",
    }


def test_what_was_not_given_is_left_to_the_gateway(gateway: Start, budstikke: Run) -> None:
    fake = gateway(accepted(ONE))
    budstikke("send", "--to", ONE, *HELLO)
    assert fake.asked[0].body == {"to": [ONE], "text": "Hei"}


def test_a_verdict_takes_one_aligned_line_without_colour(gateway: Start, budstikke: Run) -> None:
    gateway(accepted(ONE, "+471", refused=["+471"]))
    result = budstikke("send", "--to", ONE, "--to", "+471", *HELLO)
    assert result.stdout.splitlines() == [
        "ID                                    TO           STATE     PARTS  CODING",
        f"{ID[:-1]}0  +4790000001  accepted  1      gsm7",
        "-                                     +471         rejected  -      -       invalid_number: is no number",
    ]
    assert result.exit_code == 4


def test_json_is_passed_on_unchanged(gateway: Start, budstikke: Run) -> None:
    answer = Answer(202, accepted(ONE).body.replace(b'"price":null', b'"price" : null, "later":[1.50]'))
    gateway(answer)
    result = budstikke("send", "--to", ONE, *HELLO, "--json")
    assert result.stdout_bytes == answer.body + b"\n"
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("stdin", "text"),
    [("Blåbær €\n", "Blåbær €"), ("a\r\nb\r\n", "a\r\nb"), ("a\n\n", "a\n"), ("", "")],
)
def test_a_text_comes_from_standard_input_without_its_last_line_end(
    gateway: Start, budstikke: Run, stdin: str, text: str
) -> None:
    fake = gateway(accepted(ONE))
    budstikke("send", "--to", ONE, "--text", "-", stdin=stdin.encode())
    assert fake.asked[0].body is not None
    assert fake.asked[0].body["text"] == text


def test_standard_input_that_is_not_utf_8_is_wrong_usage(gateway: Start, budstikke: Run) -> None:
    fake = gateway(accepted(ONE))
    result = budstikke("send", "--to", ONE, "--text", "-", stdin=b"bl\xe5b\xe6r")
    assert result.exit_code == 2
    assert "not UTF-8" in result.stderr
    assert fake.asked == []


def test_an_argument_that_is_not_utf_8_is_wrong_usage(gateway: Start, budstikke: Run) -> None:
    fake = gateway(accepted(ONE))
    assert budstikke("send", "--to", ONE, "--text", "bl\udce5").exit_code == 2
    assert fake.asked == []


def test_a_dry_run_says_so_in_the_query(gateway: Start, budstikke: Run) -> None:
    fake = gateway(accepted(ONE))
    assert budstikke("send", "--to", ONE, *HELLO, "--dry-run").exit_code == 0
    assert fake.asked[0].path == "/v1/messages?dry_run=true"
    assert fake.asked[0].body == {"to": [ONE], "text": "Hei"}


def test_a_dry_run_cannot_be_waited_for(gateway: Start, budstikke: Run) -> None:
    fake = gateway(accepted(ONE))
    assert budstikke("send", "--to", ONE, *HELLO, "--dry-run", "--wait").exit_code == 2
    assert fake.asked == []


def test_a_refusal_is_shown_field_by_field(gateway: Start, budstikke: Run) -> None:
    faults = (("/to/0", "invalid_number", "is no number"), ("/text", "empty_text", "must not be empty"))
    gateway(problem(422, "invalid_request", "Invalid request", *faults, detail="2 fields"))
    result = budstikke("send", "--to", "x", "--text", "")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "refused: Invalid request (invalid_request)",
        "  2 fields",
        "  /to/0  invalid_number  is no number",
        "  /text  empty_text      must not be empty",
    ]


def test_a_refusal_as_json_is_the_problem_document(gateway: Start, budstikke: Run) -> None:
    answer = problem(401, "unauthorized", "Not authorized")
    gateway(answer)
    result = budstikke("send", "--to", ONE, *HELLO, "--json")
    assert (result.exit_code, result.stdout_bytes, result.stderr) == (1, answer.body + b"\n", "")


def test_what_a_refusal_says_cannot_steer_the_terminal(gateway: Start, budstikke: Run) -> None:
    gateway(problem(422, "invalid_request", "\x1b[2JInvalid", ("/to\n", "c", "\x07m")))
    result = budstikke("send", "--to", ONE, *HELLO)
    assert result.stderr.splitlines() == ["refused: \ufffd[2JInvalid (invalid_request)", "  /to\ufffd  c  \ufffdm"]


@pytest.mark.parametrize("answer", [problem(503, "unavailable", "Unavailable"), Answer(500, b"oops"), Answer(302)])
def test_a_fault_of_the_gateway_leaves_open_whether_a_message_was_taken(
    gateway: Start, budstikke: Run, answer: Answer
) -> None:
    gateway(answer)
    result = budstikke("send", "--to", ONE, *HELLO)
    assert result.exit_code == 3
    assert f"answered {answer.status}: whether a message was taken is not known" in result.stderr


@pytest.mark.parametrize("answer", [Answer(200, b"<html>"), Answer(404, b"<html>"), Answer(202, b"[]"), Answer(202)])
def test_another_server_than_a_gateway_is_found_out(gateway: Start, budstikke: Run, answer: Answer) -> None:
    gateway(answer)
    result = budstikke("send", "--to", ONE, *HELLO)
    assert result.exit_code == 3
    assert "is the address right?" in result.stderr


def test_no_answer_in_time_leaves_open_whether_a_message_was_taken(gateway: Start, budstikke: Run) -> None:
    gateway(Answer(0))
    result = budstikke("send", "--to", ONE, *HELLO, "--timeout", "0.2")
    assert result.exit_code == 3
    assert result.stderr == (
        "no answer within 0.2 s: whether a message was taken is not known, a repeat may send a second one\n"
    )


def test_a_gateway_that_cannot_be_reached_has_taken_nothing(
    gateway: Start, budstikke: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeGateway([Answer(200)]).serving() as gone:
        monkeypatch.setenv("BUDSTIKKE_API", gone.url)
    monkeypatch.setenv("BUDSTIKKE_KEY", "bsk_test")
    result = budstikke("send", "--to", ONE, *HELLO)
    assert result.exit_code == 3
    assert result.stderr == "the gateway cannot be reached at 127.0.0.1: nothing was sent, a repeat is safe\n"


def test_waiting_follows_a_message_that_is_not_found_yet_until_it_is_delivered(gateway: Start, budstikke: Run) -> None:
    one = f"{ID[:-1]}0"
    unknown = problem(404, "not_found", "Not found")
    gateway(
        accepted(ONE), unknown, message("submitted", message_id=one), message("delivered", final=True, message_id=one)
    )
    result = budstikke("send", "--to", ONE, *HELLO, "--wait")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[2:] == [f"{one}  +4790000001  submitted", f"{one}  +4790000001  delivered"]


def test_waiting_in_vain_for_delivery_has_a_code_of_its_own(gateway: Start, budstikke: Run) -> None:
    one = f"{ID[:-1]}0"
    gateway(accepted(ONE), message("undelivered", final=True, reason="barred", message_id=one))
    result = budstikke("send", "--to", ONE, *HELLO, "--wait", "--json")
    assert result.exit_code == 5
    assert [msgspec.json.decode(line).get("state") for line in result.stdout_bytes.splitlines()] == [
        None,
        "undelivered",
    ]


def test_a_gateway_lost_while_waiting_does_not_invite_to_send_again(gateway: Start, budstikke: Run) -> None:
    gateway(accepted(ONE), problem(503, "unavailable", "Unavailable"))
    result = budstikke("send", "--to", ONE, *HELLO, "--wait", "--for", "0.1")
    assert result.exit_code == 3
    assert "ask again with `budstikke status`" in result.stderr
    assert "repeat" not in result.stderr


def test_waiting_waits_for_those_that_were_taken_and_reports_the_refused(gateway: Start, budstikke: Run) -> None:
    gateway(accepted(ONE, "x", refused=["x"]), message("delivered", final=True, message_id=f"{ID[:-1]}0"))
    assert budstikke("send", "--to", ONE, "--to", "x", *HELLO, "--wait").exit_code == 4
