"""Requests become accepted messages, or facts that say why not."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from services.ingest.screening.rules import decide
from services.ingest.screening.screening import Screening, read_request
from services.ingest.screening.verdict import Expire, Pass, Reject
from shared.clock import ManualClock
from shared.contracts import codec
from shared.contracts.codes import Reason
from shared.contracts.events import MessageAccepted, PartFact, SendRequested
from shared.contracts.words import FactKind, Lane
from shared.errors import BadRecord
from shared.kafka.record import Output, Received, header
from shared.privacy.keys import Quarter
from shared.privacy.pseudonyms import Pseudonyms
from shared.privacy.sealing import Sealer
from shared.text.numbers import Number
from shared.text.segments import Coding
from tests.unit.dispatch.building import ACCOUNT, NUMBER, PARTITIONS, START, Letters, as_record, record_of

LATER = START + timedelta(hours=1)


@pytest.fixture
def letters(tmp_path: Path) -> Letters:
    return Letters(tmp_path)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def screening(letters: Letters, registry: CollectorRegistry) -> Screening:
    clock = ManualClock(START)
    return Screening(Sealer(letters.keys, clock), Pseudonyms(letters.keys), clock, PARTITIONS, registry)


def asked(letters: Letters, **changes: Any) -> Received[SendRequested]:
    request = letters.requested(**{"requested_at": START, "valid_until": LATER, **changes})
    record = as_record(f"sms.requests.{request.lane}", request, request.message_id, f"{request.message_id}:requested")
    return Received(record, read_request(record))


def event(output: Output) -> object:
    return codec.read(record_of(output))


def ids(outputs: object) -> list[str]:
    return [(header(record_of(output), "ce_id") or b"").decode() for output in outputs]  # type: ignore[attr-defined]


PASSED = Pass(number=Number(NUMBER), sender="Budstikke", coding=Coding.GSM7, parts=1, country="NO")


@pytest.mark.parametrize(
    ("changes", "number", "text", "expected"),
    [
        ({}, NUMBER, "hei", PASSED),
        ({}, "98765432", "hei", PASSED),
        ({}, "0047 987 65 432", "hei", PASSED),
        ({"sender": " Firma "}, NUMBER, "hei", Pass(Number(NUMBER), "Firma", Coding.GSM7, 1, "NO")),
        ({"sender": "22222222"}, NUMBER, "hei", Pass(Number(NUMBER), "+4722222222", Coding.GSM7, 1, "NO")),
        ({}, "+46701234567", "ж" * 71, Pass(Number("+46701234567"), "Budstikke", Coding.UCS2, 2, "SE")),
        ({"valid_until": START}, NUMBER, "hei", Expire()),
        ({"valid_until": START, "sender": "?"}, "x", "", Expire()),
        ({"sender": "Altfor langt navn"}, NUMBER, "hei", Reject(Reason.INVALID_SENDER, "sender_shape")),
        ({"sender": ""}, NUMBER, "hei", Reject(Reason.INVALID_SENDER, "sender_shape")),
        ({"sender": "?"}, "x", "", Reject(Reason.INVALID_SENDER, "sender_shape")),
        ({}, "2097", "hei", Reject(Reason.INVALID_NUMBER, "recipient")),
        ({}, "+4722222222", "hei", Reject(Reason.INVALID_NUMBER, "recipient")),
        ({}, "", "", Reject(Reason.INVALID_NUMBER, "recipient")),
        ({}, NUMBER, "", Reject(Reason.INVALID_TEXT, "empty_text")),
        ({"max_parts": 1}, NUMBER, "x" * 161, Reject(Reason.INVALID_TEXT, "text_size")),
        ({"allow_unicode": False}, NUMBER, "ж", Reject(Reason.INVALID_TEXT, "text_size")),
        ({"max_parts": 300}, NUMBER, "x" * 50_000, Reject(Reason.INVALID_TEXT, "text_size")),
        ({}, NUMBER, "a\x1bb", Reject(Reason.INVALID_TEXT, "text_size")),
    ],
)
def test_decisions(
    letters: Letters, changes: dict[str, Any], number: str, text: str, expected: Pass | Reject | Expire
) -> None:
    request = letters.requested(**{"valid_until": LATER, **changes})

    assert decide(request, number, text, START) == expected


def test_a_verdict_shows_no_number() -> None:
    assert "98765432" not in repr(PASSED)


async def test_a_request_that_passes_becomes_a_message(screening: Screening, letters: Letters) -> None:
    received = asked(letters, partition=3, lane=Lane.EXPRESS, reference="order 7", flash=True)
    request = received.event

    outputs = list(await screening([received]))

    (output,) = outputs
    message = event(output)
    assert isinstance(message, MessageAccepted)
    assert (output.topic, output.partition, output.key) == ("sms.accepted.express", 3, request.message_id.encode())
    assert ids(outputs) == [f"{request.message_id}:accepted"]
    assert header(record_of(output), "traceparent") == b"00-ab-cd-01"
    assert {name: getattr(message, name) for name in SendRequested.__struct_fields__} == {
        name: getattr(request, name) for name in SendRequested.__struct_fields__
    }
    assert (message.coding, message.parts, message.country, message.accepted_at) == (Coding.GSM7, 1, "NO", START)
    assert message.pseudonym == Pseudonyms(letters.keys).of(ACCOUNT, NUMBER, START)


async def test_a_number_that_is_not_e164_is_written_so_and_sealed_again(screening: Screening, letters: Letters) -> None:
    (output,) = await screening([asked(letters, number="987 65 432", sender="22222222")])

    message = event(output)
    assert isinstance(message, MessageAccepted)
    assert letters.sealer.open(ACCOUNT, message.message_id, "to", message.to) == NUMBER
    assert message.pseudonym == Pseudonyms(letters.keys).of(ACCOUNT, NUMBER, START)
    assert message.sender == "+4722222222"


@pytest.mark.parametrize(
    ("changes", "kind", "code"),
    [
        ({"number": "2097"}, FactKind.REJECTED, "invalid_number"),
        ({"text": "x" * 2000}, FactKind.REJECTED, "invalid_text"),
        ({"sender": "?"}, FactKind.REJECTED, "invalid_sender"),
        ({"valid_until": START}, FactKind.EXPIRED, "validity_over"),
    ],
)
async def test_a_request_that_does_not_pass_becomes_a_fact(
    screening: Screening, letters: Letters, changes: dict[str, Any], kind: FactKind, code: str
) -> None:
    received = asked(letters, test=True, **changes)
    message_id = received.event.message_id

    outputs = list(await screening([received]))

    (output,) = outputs
    fact = event(output)
    assert isinstance(fact, PartFact)
    assert (output.topic, output.key) == ("sms.facts", message_id.encode())
    assert ids(outputs) == [f"{message_id}:screening:{kind}"]
    assert (fact.kind, fact.code, fact.part, fact.parts, fact.test) == (kind, code, 0, 1, True)
    assert fact.cause == f"{message_id}:requested"


async def test_an_erased_request_is_rejected(
    screening: Screening, letters: Letters, registry: CollectorRegistry
) -> None:
    received = asked(letters)
    letters.keys.destroy(ACCOUNT, Quarter(104))

    (output,) = await screening([received])

    fact = event(output)
    assert isinstance(fact, PartFact)
    assert (fact.kind, fact.code) == (FactKind.REJECTED, "erased")
    labels = {"verdict": "reject", "rule": "erased"}
    assert registry.get_sample_value("budstikke_screening_verdicts_total", labels) == 1


async def test_a_value_sealed_for_another_message_is_a_bad_record(screening: Screening, letters: Letters) -> None:
    other = asked(letters).event

    with pytest.raises(BadRecord, match="bad_seal"):
        await screening([asked(letters, content=other.content)])


async def test_a_batch_handled_twice_gives_the_same_octets(screening: Screening, letters: Letters) -> None:
    batch = [asked(letters), asked(letters, number="2097"), asked(letters, text="ж" * 90)]

    assert await screening(batch) == await screening(batch)


async def test_outputs_hold_no_number_and_no_text_in_the_clear(screening: Screening, letters: Letters) -> None:
    outputs = await screening([asked(letters, text="hemmelig"), asked(letters, text="hemmelig", sender="?")])

    octets = b"".join((output.value or b"") + repr(output.headers).encode() for output in outputs)
    assert b"98765432" not in octets
    assert b"hemmelig" not in octets
