from __future__ import annotations

import re
from datetime import datetime

import jsonschema
import msgspec
import pytest

from shared.contracts import billing, events, holds, inbound, premium, settlements
from shared.contracts.codec import TYPES, Writer, read
from shared.contracts.envelope import event_id
from shared.contracts.schemas.generate import schema_of
from tests.unit.contracts.examples import NAMES, example, record


def test_every_type_and_version_has_an_example() -> None:
    assert set(NAMES) == set(TYPES)


def test_every_event_of_the_message_path_has_a_type() -> None:
    parts_of_events = {
        events.Actor,
        events.HoldRelease,
        events.PartState,
        events.ChargeBasis,
        events.PassedState,
        holds.Finding,
        inbound.PartOf,
        premium.Consent,
        premium.PremiumTerms,
        billing.InvoicedLine,
        settlements.StatedLine,
    }
    assert set(TYPES.values()) | parts_of_events == set(_descendants(events.Event))


@pytest.mark.parametrize("name", NAMES)
def test_an_example_decodes_to_its_struct_and_encodes_to_the_same_json(name: str) -> None:
    event = read(record(name))
    assert type(event) is TYPES[name]
    assert msgspec.json.decode(msgspec.json.encode(event)) == example(name)["value"]


@pytest.mark.parametrize("name", NAMES)
def test_an_example_gives_every_field_another_value_than_its_default(name: str) -> None:
    assert set(example(name)["value"]) == set(TYPES[name].__struct_encode_fields__)


@pytest.mark.parametrize("name", NAMES)
def test_the_writer_makes_the_example(name: str) -> None:
    document = example(name)
    headers = document["headers"]
    output = Writer(headers["ce_source"]).output(
        "sms.facts",
        2,
        read(record(name)),
        event_id=headers["ce_id"],
        time=datetime.fromisoformat(headers["ce_time"]),
        subject=headers["ce_subject"],
        traceparent=headers["traceparent"].encode(),
    )
    assert {key: value.decode() for key, value in output.headers} == headers
    assert output.key == document["key"].encode()
    assert output.value is not None
    assert msgspec.json.decode(output.value) == document["value"]


@pytest.mark.parametrize("name", NAMES)
def test_headers_are_cloudevents_in_binary_mode(name: str) -> None:
    headers = example(name)["headers"]
    assert {"ce_id", "ce_source", "ce_type", "ce_specversion", "ce_time", "ce_subject", "content-type"} <= set(headers)
    assert headers["ce_specversion"] == "1.0"
    assert headers["ce_type"] == name
    assert headers["content-type"] == "application/json"
    assert re.fullmatch(r"/budstikke/[a-z]+/[a-z]+", headers["ce_source"])
    assert datetime.fromisoformat(headers["ce_time"]).utcoffset() is not None
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]", headers["traceparent"])
    assert all(re.fullmatch(r"[a-z_-]+", key) for key in headers)
    assert event_id(record(name)) == headers["ce_id"]


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_valid_under_the_schema_of_its_type(name: str) -> None:
    schema = schema_of(name)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(example(name)["value"])


@pytest.mark.parametrize("name", NAMES)
def test_an_example_holds_no_number_in_the_clear(name: str) -> None:
    assert not re.search(r"(\+|00)?47\d{8}\b", str(example(name)))


def test_the_key_of_a_record_is_the_subject_unless_another_is_given() -> None:
    event = read(record())
    at = datetime.fromisoformat("2026-11-22T10:15:00Z")
    writer = Writer("/budstikke/dlr/status")
    assert writer.output("t", 0, event, event_id="e", time=at, subject="s").key == b"s"
    assert writer.output("t", 0, event, event_id="e", time=at, subject="s", key="k").key == b"k"


def _descendants(kind: type[events.Event]) -> list[type[events.Event]]:
    return [found for child in kind.__subclasses__() for found in (child, *_descendants(child))]
