"""`privacy`: what is asked of the gateway, and what staff see."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from cli import settings
from shared.privacy.proof import ProofRecord
from tests.unit.cli.conftest import Run
from tests.unit.cli.gateway import Answer, FakeGateway, problem
from tests.unit.privacy.test_proof import chain

Start = Callable[..., FakeGateway]

NUMBER = "+4790000001"
ORDER = {
    "id": "erase-skole-2026-11-23-5f0c",
    "account": "skole",
    "kind": "erase",
    "basis": "request",
    "state": "open",
    "ordered_at": "2026-11-23T08:00:00Z",
    "waits_for": ["billing"],
    "counts": {"dlr": {"messages": [12, 0]}},
}
POLICY = {"account": "skole", "months": 24, "default_months": 18, "reason": "complaints", "set_at": "2026-11-23"}
HOLD = {
    "id": "lh_5c1f",
    "account": "skole",
    "reason": "dispute",
    "person": True,
    "opened_at": "2026-11-23T08:00:00Z",
    "opened_by": "k1",
}


@pytest.fixture(autouse=True)
def staff_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(settings.STAFF_KEY, "bsk_staff_test")


def answer_of(body: object, status: int = 200) -> Answer:
    return Answer(status, msgspec.json.encode(body))


SENT = answer_of({"messages": [{"to": NUMBER, "state": "accepted", "id": "m1", "parts": 1, "coding": "gsm7"}]}, 202)
ARRIVED = answer_of({"id": "m1", "to": NUMBER, "state": "delivered", "final": True})
DONE = answer_of(ORDER | {"state": "finished", "waits_for": [], "proof": "9f2c"})
FORGOTTEN = answer_of({"id": "m1", "to": None, "text": None, "reference": None, "state": "delivered"})


def page(records: list[ProofRecord]) -> Answer:
    return answer_of({"records": records})


def test_a_person_is_erased_and_the_number_is_not_repeated(gateway: Start, budstikke: Run) -> None:
    fake = gateway(answer_of(ORDER, 202))
    result = budstikke("privacy", "erase", "skole", "--number", "-", stdin=NUMBER.encode())
    assert result.exit_code == 0
    (asked,) = fake.asked
    assert (asked.method, asked.path) == ("POST", "/admin/privacy/orders")
    assert asked.body == {"account": "skole", "number": NUMBER, "basis": "request"}
    assert "waits for billing" in result.output
    assert ["dlr", "messages", "12", "0"] in [line.split() for line in result.output.splitlines()]
    assert NUMBER not in result.output


@pytest.mark.parametrize(
    ("because", "told"), [(["dispute"], " (dispute)"), (["a", "b"], " (a, b)"), ([], ""), (None, "")]
)
def test_an_erasure_that_a_hold_keeps_says_for_which_class_of_reason(
    gateway: Start, budstikke: Run, because: list[str] | None, told: str
) -> None:
    classes = {} if because is None else {"refused_because": because}
    gateway(answer_of(ORDER | {"state": "withheld", "refused_in_part": True} | classes, 202))
    result = budstikke("privacy", "erase", "skole", "--number", "-", stdin=NUMBER.encode())
    assert result.exit_code == 0
    assert f"waits for a legal hold{told}, and follows when that is closed" in result.output.splitlines()


def test_a_period_is_shown_and_set(gateway: Start, budstikke: Run) -> None:
    fake = gateway(answer_of(POLICY))
    assert budstikke("privacy", "policy", "skole", "--months", "24", "--reason", "complaints").exit_code == 0
    assert (fake.asked[0].method, fake.asked[0].path) == ("POST", "/admin/privacy/policies/skole")
    assert fake.asked[0].body == {"months": 24, "reason": "complaints"}
    shown = budstikke("privacy", "policy", "skole")
    assert "24 months (complaints)" in shown.output
    assert fake.asked[1].method == "GET"


def test_what_a_shorter_period_deletes_is_shown_before_it_is_set(gateway: Start, budstikke: Run) -> None:
    fake = gateway(answer_of(POLICY | {"deletes_before": "2026-08-23T22:00:00Z"}))
    shown = budstikke("privacy", "policy", "skole", "--months", "3", "--dry-run")
    assert "what is older than 2026-08-23T22:00:00Z goes in the night that comes" in shown.output
    assert fake.asked[0].path == "/admin/privacy/policies/skole?dry_run=true"


def test_a_period_that_is_refused_says_why(gateway: Start, budstikke: Run) -> None:
    gateway(problem(422, "invalid_retention", "Invalid retention"))
    result = budstikke("privacy", "policy", "skole", "--months", "121")
    assert result.exit_code == 1
    assert "invalid_retention" in result.output


def test_a_hold_is_opened_listed_and_released(gateway: Start, budstikke: Run) -> None:
    fake = gateway(answer_of(HOLD, 201), answer_of({"holds": [HOLD]}), answer_of(HOLD))
    opened = budstikke("privacy", "hold", "skole", "--reason", "dispute", "--number", NUMBER)
    assert opened.exit_code == 0
    assert "lh_5c1f" in budstikke("privacy", "holds").output
    assert budstikke("privacy", "release", "lh_5c1f").exit_code == 0
    assert [(asked.method, asked.path) for asked in fake.asked] == [
        ("POST", "/admin/privacy/holds"),
        ("GET", "/admin/privacy/holds"),
        ("POST", "/admin/privacy/holds/lh_5c1f/close"),
    ]


def test_a_proof_that_hangs_together_is_verified_page_by_page(gateway: Start, budstikke: Run) -> None:
    records = chain(3)
    fake = gateway(page(records[:2]), page(records[2:]), page([]))
    result = budstikke("privacy", "verify")
    assert result.exit_code == 0
    assert "3 records hang together" in result.output
    assert [asked.path for asked in fake.asked] == [f"/admin/privacy/proof?after={after}" for after in (0, 2, 3)]


def test_a_proof_whose_end_was_cut_off_is_found_by_the_hash_that_was_shown(gateway: Start, budstikke: Run) -> None:
    records = chain(3)
    fake = gateway(page(records), page([]), page(records), page([]), page(records[:2]), page([]))
    shown = budstikke("privacy", "verify").output
    assert f"3 records hang together; the last hash is {records[2].hash}" in shown
    assert budstikke("privacy", "verify", "--head", records[2].hash).exit_code == 0
    cut = budstikke("privacy", "verify", "--head", records[2].hash)
    assert (cut.exit_code, len(fake.asked)) == (6, 6)
    assert "record 2: hash_missing" in cut.output


def test_a_record_that_was_tampered_with_is_named(gateway: Start, budstikke: Run) -> None:
    records = chain(3)
    records[1] = msgspec.structs.replace(records[1], hash="f" * 64)
    gateway(page(records), page([]))
    result = budstikke("privacy", "verify")
    assert result.exit_code == 6
    assert "record 2: changed" in result.output


def test_a_canary_is_sent_erased_and_looked_for(gateway: Start, budstikke: Run) -> None:
    fake = gateway(SENT, ARRIVED, answer_of(ORDER, 202), DONE, FORGOTTEN)
    flown = budstikke("privacy", "canary", "--number", NUMBER)
    assert flown.exit_code == 0, flown.output
    assert "forgotten, on record with the hash 9f2c" in flown.output
    assert [asked.path for asked in fake.asked] == [
        "/v1/messages",
        "/v1/messages/m1",
        "/v1/privacy/requests",
        f"/v1/privacy/requests/{ORDER['id']}",
        "/v1/messages/m1",
    ]
    assert (fake.asked[0].body or {})["test"] is True
    assert {asked.authorization for asked in fake.asked} == {"Bearer bsk_test"}


@pytest.mark.parametrize(
    ("done", "shown", "left"),
    [
        (DONE, answer_of({"id": "m1", "to": None, "text": "kanari"}), "the message still has its text"),
        (
            answer_of(ORDER | {"state": "finished", "counts": {}, "proof": "9f"}),
            FORGOTTEN,
            "was not found by the erasure",
        ),
        (answer_of(ORDER | {"state": "finished"}), FORGOTTEN, "there is no record of it"),
    ],
)
def test_a_canary_that_is_not_forgotten_is_an_alarm(
    gateway: Start, budstikke: Run, done: Answer, shown: Answer, left: str
) -> None:
    gateway(SENT, ARRIVED, done, shown)
    flown = budstikke("privacy", "canary", "--number", NUMBER)
    assert (flown.exit_code, left in flown.output) == (6, True)
