from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.codec import Excerpt, Reader, only, read
from shared.contracts.envelope import event_id
from shared.contracts.events import OperatorReceipt, PartFact, SendRequested
from shared.errors import BadRecord
from shared.kafka.record import Record
from tests.unit.contracts.examples import FACT, SENT, example, record

BUDSTIKKE = "no.budstikke"
NUMBER = "4790000001"
DEEP = b'{"later":' + b"[" * 100_000 + b"]" * 100_000 + b"}"


def without(name: str) -> dict[str, str]:
    return {key: value for key, value in example(FACT)["headers"].items() if key != name}


def typed(name: str) -> dict[str, str]:
    return {**example(FACT)["headers"], "ce_type": name}


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        pytest.param(record(headers=without("ce_type")), "missing_header", id="no type"),
        pytest.param(record(headers=typed("no.budstikke.sms.part-lost.v1")), "unknown_event_type", id="unknown type"),
        pytest.param(record(headers=typed("")), "unknown_event_type", id="empty type"),
        pytest.param(record(headers=typed("no.budstikke.sms.part-fact.v2")), "unknown_event_version", id="version"),
        pytest.param(record(value=None), "empty_value", id="no value"),
        pytest.param(record(value=b""), "empty_value", id="empty value"),
        pytest.param(record(value=b'{"message_id":"' + NUMBER.encode()), "bad_payload", id="cut JSON"),
        pytest.param(record(value=NUMBER.encode() + b"}"), "bad_payload", id="not an object"),
        pytest.param(record(value=b"[]"), "bad_payload", id="an array"),
        pytest.param(record(value=b'{"message_id":"\xff' + NUMBER.encode() + b'"}'), "bad_payload", id="not UTF-8"),
        pytest.param(record(value=NUMBER.encode("utf-16")), "bad_payload", id="UTF-16"),
        pytest.param(record(value=DEEP), "bad_payload", id="too deep"),
        pytest.param(record(message_id=int(NUMBER)), "bad_payload", id="number for text"),
        pytest.param(record(part=NUMBER), "bad_payload", id="text for number"),
        pytest.param(record(part=1.5), "bad_payload", id="fraction for number"),
        pytest.param(record(test=None), "bad_payload", id="null for bool"),
        pytest.param(record(cause=...), "bad_payload", id="required field missing"),
        pytest.param(record(kind=NUMBER), "bad_payload", id="not of the set"),
        pytest.param(record(kind=f"x - {NUMBER}"), "bad_payload", id="not of the set, with a dash"),
        pytest.param(record(kind=f"' - at `$.{NUMBER}"), "bad_payload", id="not of the set, like a place"),
        pytest.param(record(at=NUMBER), "bad_payload", id="not a time"),
        pytest.param(record(at="2026-11-22T10:15:00"), "bad_payload", id="naive time"),
        pytest.param(record(SENT, to=f"+{NUMBER}"), "bad_payload", id="not base64"),
        pytest.param(record(SENT, actor={"key_id": 1, "ip": NUMBER}), "bad_payload", id="nested"),
        pytest.param(record(f"{BUDSTIKKE}.sms.message-held.v1", hold_id=NUMBER), "bad_payload", id="no hold"),
        pytest.param(record(f"{BUDSTIKKE}.config.opt-out-requested.v1", pseudonym=NUMBER), "bad_payload", id="no year"),
        pytest.param(record(f"{BUDSTIKKE}.config.opt-out-requested.v1", scope="a|b"), "bad_payload", id="bar in scope"),
        pytest.param(record(f"{BUDSTIKKE}.config.account-changed.v1", quiet_from=24), "bad_payload", id="no hour"),
    ],
)
def test_a_bad_record_is_refused_by_its_code_without_quoting_it(bad: Record, code: str) -> None:
    with pytest.raises(BadRecord) as caught:
        read(bad)
    assert caught.value.code == code
    assert NUMBER not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    ("bad", "place"),
    [
        (record(kind="nothing"), "$.kind"),
        (record(at="2026-11-22T10:15:00"), "$.at"),
        (record(SENT, actor={"key_id": 1}), "$.actor.key_id"),
        (record(cause=...), "cause"),
    ],
)
def test_the_refusal_names_the_place(bad: Record, place: str) -> None:
    with pytest.raises(BadRecord, match="bad_payload") as caught:
        read(bad)
    assert f"`{place}`" in caught.value.detail


def test_a_field_that_is_not_known_is_ignored() -> None:
    assert read(record(later={"a": [1]}, more="x")) == read(record())


@given(st.binary(max_size=200))
def test_no_value_makes_reading_fail_in_another_way(value: bytes) -> None:
    try:
        read(record(value=value))
    except BadRecord:
        return
    raise AssertionError("noise was read as an event")


def test_a_time_with_another_offset_is_the_same_time() -> None:
    fact = only(PartFact, record(at="2026-11-22T11:15:00+01:00"))
    assert fact.at == only(PartFact, record(at="2026-11-22T10:15:00Z")).at


def test_only_refuses_another_type() -> None:
    assert isinstance(only(PartFact, record()), PartFact)
    with pytest.raises(BadRecord, match="unexpected_event_type"):
        only(SendRequested, record())


def test_only_refuses_a_type_that_extends_the_expected_one() -> None:
    with pytest.raises(BadRecord, match="unexpected_event_type"):
        only(SendRequested, record("no.budstikke.sms.message-accepted.v1"))


def test_a_reader_takes_the_types_of_its_topic() -> None:
    reader = Reader(PartFact, OperatorReceipt)
    assert isinstance(reader(record()), PartFact)
    assert isinstance(reader(record("no.budstikke.sms.operator-receipt.v1")), OperatorReceipt)
    with pytest.raises(BadRecord, match="unexpected_event_type"):
        reader(record(SENT))


class Cause(msgspec.Struct):
    cause: str


def test_an_excerpt_reads_what_it_names_and_judges_nothing_else() -> None:
    excerpt = Excerpt({PartFact: Cause})
    assert excerpt(record(kind="nothing")).cause == only(PartFact, record()).cause
    for bad, code in (
        (record(cause=...), "bad_payload"),
        (record(value=b'{"cause":"x"'), "bad_payload"),
        (record(value=None), "empty_value"),
        (record(SENT), "unexpected_event_type"),
        (record(headers=typed("no.budstikke.sms.part-fact.v2")), "unknown_event_version"),
    ):
        with pytest.raises(BadRecord, match=code):
            excerpt(bad)


@pytest.mark.parametrize("headers", [without("ce_id"), {**without("ce_id"), "ce_id": ""}])
def test_an_event_without_id_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(BadRecord, match="missing_header"):
        event_id(record(headers=headers))
