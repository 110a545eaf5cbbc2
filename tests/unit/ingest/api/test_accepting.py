"""What is answered 202 is on the lane's topic, sealed, under an id of the right partition."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import msgspec
import pytest
from prometheus_client import generate_latest

from services.ingest.api import examples
from shared.contracts.codec import only
from shared.contracts.events import SendRequested
from shared.contracts.words import Category, Door, Lane
from shared.ids import partition_of
from shared.kafka.record import Output, Record
from tests.support import wait_until
from tests.unit.ingest.api.door import PARTITIONS, START
from tests.unit.ingest.api.door import Door as FrontDoor


def event_of(output: Output) -> SendRequested:
    record = Record(output.topic, output.partition, 0, 0, output.key, output.value, output.headers)
    return only(SendRequested, record)


async def test_one_message_becomes_one_record(door: FrontDoor) -> None:
    answer = await door.post({"to": "99 99 99 99", "text": "Hei på deg"})
    message_id = answer.json()["messages"][0]["id"]
    assert answer.status_code == 202
    assert answer.json() == {
        "messages": [
            {
                "id": message_id,
                "to": "+4799999999",
                "state": "accepted",
                "parts": 1,
                "coding": "gsm7",
                "price": None,
                "error": None,
            }
        ]
    }
    (output,) = door.broker.records
    event = event_of(output)
    assert (output.topic, output.key) == ("sms.requests.standard", message_id.encode())
    assert output.partition == partition_of(message_id, PARTITIONS)
    assert dict(output.headers)["ce_id"] == f"{message_id}:requested".encode()
    assert dict(output.headers)["ce_source"] == b"/budstikke/ingest/api"
    assert door.sealer.open(event.account_id, message_id, "to", event.to) == "+4799999999"
    assert door.sealer.open(event.account_id, message_id, "content", event.content) == "Hei på deg"
    assert (event.account_id, event.sender, event.door) == ("acme", "Acme", Door.HTTP)
    assert (event.requested_at, event.valid_until) == (START, START + timedelta(hours=48))
    assert event.actor.key_id in door.key
    assert b"99999999" not in (output.value or b"")


async def test_every_field_reaches_the_event(door: FrontDoor) -> None:
    await door.post(
        {
            "to": "99999999",
            "from": "2077",
            "text": "Hei",
            "reference": "r-1",
            "valid_for": 60,
            "lane": "bulk",
            "category": "alarm",
            "allow_unicode": False,
            "max_parts": 2,
            "flash": True,
            "never_twice": True,
            "consent_ref": "c-1",
            "test": True,
            "callback_url": "https://acme.example/status?a=1",
        }
    )
    (output,) = door.broker.records
    event = event_of(output)
    assert output.topic == "sms.requests.bulk"
    assert (event.lane, event.category, event.sender) == (Lane.BULK, Category.ALARM, "2077")
    assert (event.reference, event.consent_ref) == ("r-1", "c-1")
    assert event.callback_url == "https://acme.example/status?a=1"
    assert (event.flash, event.never_twice, event.test, event.allow_unicode) == (True, True, True, False)
    assert (event.max_parts, event.valid_until) == (2, START + timedelta(seconds=60))


@pytest.mark.parametrize(
    ("category", "lane"),
    [("otp", "express"), ("alarm", "express"), ("transactional", "standard"), ("marketing", "bulk")],
)
async def test_the_category_chooses_the_lane(door: FrontDoor, category: str, lane: str) -> None:
    await door.post({"to": "99999999", "text": "Hei", "category": category})
    assert door.broker.records[0].topic == f"sms.requests.{lane}"


async def test_good_and_bad_recipients_each_get_a_verdict_in_order(door: FrontDoor) -> None:
    answer = await door.post({"to": ["99999998", "2077", "+4799999999", "99999998"], "text": "ж" * 71})
    assert answer.status_code == 202
    first, second, third, fourth = answer.json()["messages"]
    assert second == {
        "id": None,
        "to": "2077",
        "state": "rejected",
        "parts": None,
        "coding": None,
        "price": None,
        "error": {"code": "short_number", "message": "a short number takes no message from here"},
    }
    assert [one["to"] for one in (first, third, fourth)] == ["+4799999998", "+4799999999", "+4799999998"]
    assert {(one["parts"], one["coding"]) for one in (first, third, fourth)} == {(2, "ucs2")}
    assert [event_of(output).message_id for output in door.broker.records] == [first["id"], third["id"], fourth["id"]]


async def test_a_dry_run_answers_the_same_and_produces_nothing(door: FrontDoor) -> None:
    answer = await door.post({"to": ["99999999", "x"], "text": "Hei"}, path="/v1/messages?dry_run=true")
    assert answer.status_code == 202
    good, bad = answer.json()["messages"]
    assert (good["id"], good["state"], good["parts"]) == (None, "accepted", 1)
    assert bad["error"]["code"] == "number_has_letters"
    assert door.broker.records == []


async def test_a_thousand_recipients_are_all_produced(door: FrontDoor) -> None:
    numbers = [f"+479{number:07}" for number in range(1000)]
    answer = await door.post({"to": numbers, "text": "Hei"})
    messages = answer.json()["messages"]
    assert [message["to"] for message in messages] == numbers
    produced = {event_of(output).message_id for output in door.broker.records}
    assert produced == {message["id"] for message in messages}
    assert len(produced) == 1000
    for output in door.broker.records:
        assert output.partition == partition_of((output.key or b"").decode(), PARTITIONS)


async def test_each_flush_is_one_partition_and_partitions_take_turns(door: FrontDoor) -> None:
    for _ in range(PARTITIONS + 1):
        await door.post({"to": ["99999999", "99999998"], "text": "Hei"})
    assert [{output.partition for output in batch} for batch in door.broker.batches] == [{0}, {1}, {2}, {3}, {0}]


async def test_nothing_is_promised_before_the_broker_acknowledged(door: FrontDoor) -> None:
    door.broker.close()
    request = asyncio.create_task(door.post({"to": "99999999", "text": "Hei"}))
    await wait_until(lambda: len(door.broker.records) == 1)
    assert not request.done()
    door.broker.open()
    assert (await request).status_code == 202


async def test_requests_that_arrive_during_a_send_share_the_next(door: FrontDoor) -> None:
    door.broker.close()
    first = asyncio.create_task(door.post({"to": "99999999", "text": "Hei"}))
    await wait_until(lambda: len(door.broker.batches) == 1)
    others = [asyncio.create_task(door.post({"to": "99999999", "text": "Hei"})) for _ in range(20)]
    await wait_until(lambda: len(door.gatherings[Lane.STANDARD].flush().outputs) == len(others))
    door.broker.open()
    answers = await asyncio.gather(first, *others)
    assert {answer.status_code for answer in answers} == {202}
    assert [len(batch) for batch in door.broker.batches] == [1, 20]


async def test_a_failed_flush_fails_every_request_of_it(door: FrontDoor) -> None:
    door.broker.failing = True
    answers = await asyncio.gather(*(door.post({"to": "99999999", "text": "Hei"}) for _ in range(10)))
    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert answer.json()["detail"] == "broker_unavailable"
        assert answer.headers["retry-after"] == "1"
    door.broker.failing = False
    assert (await door.post({"to": "99999999", "text": "Hei"})).status_code == 202


@pytest.mark.parametrize("example", examples.SEND)
async def test_the_documented_examples_are_accepted(door: FrontDoor, example: str) -> None:
    assert (await door.post(examples.SEND[example]["value"])).status_code == 202


async def test_requests_and_messages_are_counted_without_naming_anybody(door: FrontDoor) -> None:
    await door.post({"to": ["99999999", "99999998"], "text": "Hei", "category": "otp"})
    await door.client.get("/v1/messages/99999999")
    await door.client.request("BREW", "/99999999")
    text = generate_latest(door.registry).decode()
    assert 'ingest_accepted_messages_total{lane="express"} 2.0' in text
    assert 'ingest_http_requests_total{method="POST",route="/v1/messages",status="202"} 1.0' in text
    assert 'ingest_http_requests_total{method="GET",route="/v1/messages/{id}",status="404"} 1.0' in text
    assert 'ingest_http_requests_total{method="other",route="other",status="404"} 1.0' in text
    assert "99999999" not in text


async def test_a_quote_tells_parts_and_what_forces_unicode(door: FrontDoor) -> None:
    answer = await door.post({"text": "Bună ș" * 12}, path="/v1/quotes")
    assert answer.status_code == 200
    assert msgspec.json.decode(answer.content) == {
        "parts": 2,
        "coding": "ucs2",
        "units": 72,
        "unicode_characters": ["ă", "ș"],
        "unicode_names": ["LATIN SMALL LETTER A WITH BREVE", "LATIN SMALL LETTER S WITH COMMA BELOW"],
        "unicode_count": 2,
        "price": None,
    }


async def test_a_quote_names_the_first_characters_and_counts_all(door: FrontDoor) -> None:
    text = "\u200b" + "".join(map(chr, range(0x4E00, 0x4E00 + 49)))
    answer = (await door.post({"text": text}, path="/v1/quotes")).json()
    assert (answer["unicode_count"], len(answer["unicode_characters"]), len(answer["unicode_names"])) == (50, 20, 20)
    assert answer["unicode_names"][0] == "ZERO WIDTH SPACE"


async def test_a_text_is_written_plainly_by_request_alone(door: FrontDoor) -> None:
    text = "“Čavčču” – æøå €"
    as_written = await door.post({"to": "99999999", "text": text})
    plain = await door.post({"to": "99999999", "text": text, "transliterate": True, "allow_unicode": False})
    quote = (await door.post({"text": text, "transliterate": True}, path="/v1/quotes")).json()

    assert [answer.json()["messages"][0]["coding"] for answer in (as_written, plain)] == ["ucs2", "gsm7"]
    assert (quote["coding"], quote["unicode_characters"]) == ("gsm7", [])
    events = [event_of(output) for output in door.broker.records]
    contents = [door.sealer.open(event.account_id, event.message_id, "content", event.content) for event in events]
    assert contents == [text, '"Cavccu" - æøå €']


async def test_a_text_that_was_only_invisible_is_empty_when_it_is_written_plainly(door: FrontDoor) -> None:
    answer = await door.post({"to": "99999999", "text": "\u200b", "transliterate": True})
    assert answer.json()["errors"][0]["code"] == "empty_text"


async def test_a_quote_refuses_as_sending_would(door: FrontDoor) -> None:
    assert (await door.post({"text": ""}, path="/v1/quotes")).json()["errors"][0]["code"] == "empty_text"
    assert (await door.post({"text": "x", "to": "1"}, path="/v1/quotes")).json()["errors"][0]["pointer"] == "/to"
    assert (await door.client_with("x").post("/v1/quotes", json={"text": "x"})).status_code == 401
