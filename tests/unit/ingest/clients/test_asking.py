"""Records of client systems are read by the rules of the HTTP door."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.accounts.account import Account, Stops
from services.ingest.api.problems import Code, Rejected
from services.ingest.clients.answers import partly_refused, refused
from services.ingest.clients.asking import ask, place_of, published_at, request_id
from shared.contracts.words import AccountState, Lane
from shared.ids import AccountId
from shared.kafka.record import Headers, Record

ACME = Account(account_id=AccountId("acme"), name="Acme", default_sender="Acme")
BODY = {"to": ["+4790000001", "12", "+4790000002"], "text": "Hei"}


def record(
    value: object = None, headers: Headers = (), *, offset: int = 7, timestamp: int = 1_772_366_400_000
) -> Record:
    octets = value if isinstance(value, bytes) else json.dumps(BODY if value is None else value).encode()
    return Record("clients.acme.requests", 0, offset, timestamp, None, octets, headers)


def told(output: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(output.value)
    return body


def why(value: object, account: Account = ACME, headers: Headers = ()) -> Rejected:
    with pytest.raises(Rejected) as raised:
        ask(record(value, headers), account)
    return raised.value


def test_good_recipients_keep_their_places_in_the_request() -> None:
    one = ask(record(), ACME)
    assert one.good == [(0, "+4790000001"), (2, "+4790000002")]
    assert [error.pointer for error in one.errors] == ["/to/1"]
    assert (one.draft.sender, one.draft.lane) == ("Acme", Lane.STANDARD)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (b"", Code.INVALID_JSON),
        (b"{", Code.INVALID_JSON),
        (b"\xff", Code.INVALID_JSON),
        (b"[" * 100_000, Code.INVALID_REQUEST),
        ([], Code.INVALID_REQUEST),
        ({**BODY, "bogus": 1}, Code.INVALID_REQUEST),
        ({**BODY, "text": ""}, Code.INVALID_REQUEST),
        ({**BODY, "send_at": "2026-03-01T12:00:00Z"}, Code.NOT_AVAILABLE),
        ({**BODY, "to": ["12"]}, Code.NO_VALID_RECIPIENT),
    ],
)
def test_what_is_wrong_is_refused_as_at_the_http_door(value: object, code: Code) -> None:
    assert why(value).code == code


def test_an_account_that_may_not_send_is_told_so() -> None:
    suspended = Account(account_id=ACME.account_id, name="", default_sender="Acme", state=AccountState.SUSPENDED)
    stopped = Account(account_id=ACME.account_id, name="", default_sender="Acme", stops=Stops(lanes=(Lane.STANDARD,)))
    assert why(None, suspended).code == Code.ACCOUNT_SUSPENDED
    assert why(None, stopped).code == Code.LANE_SUSPENDED


def test_the_id_of_the_event_is_the_idempotency_key() -> None:
    one = ask(record(headers=(("ce_id", b"order-1"),)), ACME)
    assert one.key == "order-1"
    assert one.fingerprint == ask(record(json.dumps(BODY, indent=2).encode(), (("ce_id", b"x"),)), ACME).fingerprint
    assert ask(record(), ACME).key is None


@pytest.mark.parametrize("key", [b"", b"with space", b"x" * 129, "æ".encode()])
def test_an_id_that_is_no_key_is_refused_by_the_name_of_its_header(key: bytes) -> None:
    refusal = why(None, headers=(("ce_id", key),))
    assert refusal.code == Code.INVALID_REQUEST
    assert "ce_id" in refusal.errors[0].message


def test_an_id_given_twice_is_nobodys() -> None:
    twice: Headers = (("ce_id", b"a"), ("ce_id", b"b"))
    assert why(None, headers=twice).code == Code.INVALID_REQUEST
    assert request_id(record(headers=twice)) is None


def test_records_are_told_apart_even_when_their_topic_is_made_anew() -> None:
    places = {place_of(record(offset=offset, timestamp=at)) for offset in (0, 1) for at in (1, 2)}
    assert len(places) == 4
    assert all(" " in place for place in places)


def test_a_refusal_says_what_it_answers_and_why_and_quotes_no_one() -> None:
    given_record = record({**BODY, "bogus": "+4790000099"}, (("ce_id", b"order-1"),))
    event = told(refused(given_record, ACME.account_id, why({**BODY, "bogus": 1}), 1))
    assert event["type"] == "request.refused"
    assert event["created_at"].startswith("2026-03-01T12:00:00")
    assert event["data"]["request_id"] == "order-1"
    assert (event["data"]["partition"], event["data"]["offset"], event["data"]["accepted"]) == (0, 7, 0)
    assert event["data"]["problem"]["errors"][0]["code"] == "unknown_field"
    assert "+47" not in json.dumps(event)


def test_a_request_refused_in_part_says_which_recipients() -> None:
    output = partly_refused(ask(record(), ACME), 1)
    event = told(output)
    assert event["type"] == "request.partly_refused"
    assert event["data"]["accepted"] == 2
    assert [error["pointer"] for error in event["data"]["problem"]["errors"]] == ["/to/1"]
    assert dict(output.headers)["ce_type"] == b"request.partly_refused"
    assert output.topic == "clients.acme.events"


def test_the_same_record_gives_the_same_answer_and_another_one_another() -> None:
    bad = why({})
    first = refused(record({}), ACME.account_id, bad, 3)
    assert refused(record({}), ACME.account_id, bad, 3) == first
    assert told(refused(record({}, offset=8), ACME.account_id, bad, 3))["id"] != told(first)["id"]
    assert 0 <= first.partition < 3


def test_the_time_is_the_brokers() -> None:
    assert published_at(record(timestamp=1_772_366_400_500)).isoformat() == "2026-03-01T12:00:00.500000+00:00"


@given(st.binary(max_size=200), st.lists(st.tuples(st.just("ce_id"), st.binary(max_size=140)), max_size=2))
def test_whatever_comes_is_a_request_or_a_refusal(value: bytes, headers: list[tuple[str, bytes]]) -> None:
    one = record(value, tuple(headers))
    try:
        ask(one, ACME)
    except Rejected as refusal:
        refused(one, ACME.account_id, refusal, 4)
