"""A request with an idempotency key, repeated after everything that can happen to it."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from services.ingest.accounts.account import Account
from shared.contracts.codec import only
from shared.contracts.events import SendRequested
from shared.ids import AccountId, partition_of
from shared.kafka.record import Output, Record
from shared.text import numbers as text_numbers
from tests.support import wait_until
from tests.unit.ingest.api.door import PARTITIONS, START, Door

GOOD = {"to": "99999999", "text": "Hei på deg"}
HOUR = 3600.0


async def send(door: Door, body: object = GOOD, key: str = "k-1") -> httpx.Response:
    return await door.post(body, headers={"idempotency-key": key})


def ids_of(answer: httpx.Response) -> list[Any]:
    return [message["id"] for message in answer.json()["messages"]]


def event_of(output: Output) -> SendRequested:
    return only(SendRequested, Record(output.topic, output.partition, 0, 0, output.key, output.value, output.headers))


async def test_a_repeat_gets_the_same_answer_and_produces_nothing(door: Door) -> None:
    first = await send(door)
    again = await send(door)
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.content == first.content
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert len(door.broker.records) == 1


async def test_the_way_a_body_is_written_does_not_matter(door: Door) -> None:
    first = await send(door, b'{"to":"99999999","text":"p\xc3\xa5"}')
    again = await send(door, b' { "text" : "p\\u00e5", "to" : "\\u0039\\u0039999999" } ')
    assert again.content == first.content
    assert len(door.broker.records) == 1


@pytest.mark.parametrize(
    "body",
    [{**GOOD, "text": "Hei"}, {**GOOD, "to": ["99999999"]}, {**GOOD, "max_parts": 6}, {**GOOD, "to": "99999998"}],
)
async def test_another_body_under_the_same_key_is_a_conflict(door: Door, body: object) -> None:
    first = await send(door)
    other = await send(door, body)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    assert (await send(door)).content == first.content
    assert len(door.broker.records) == 1


async def test_the_key_belongs_to_the_account(door: Door) -> None:
    first = await send(door)
    stranger = door.client_with(door.add(Account(AccountId("other"), "Other", default_sender="Other")))
    second = await stranger.post("/v1/messages", json=GOOD, headers={"idempotency-key": "k-1"})
    assert second.status_code == 202
    assert ids_of(second) != ids_of(first)


async def test_without_a_key_a_repeat_is_another_request(door: Door) -> None:
    answers = [await door.post(GOOD), await door.post(GOOD), await send(door), await send(door, key="k-2")]
    assert len({ids_of(answer)[0] for answer in answers}) == 4
    assert len(door.broker.records) == 4


async def test_after_a_failed_broker_the_repeat_completes_it_under_the_same_ids(door: Door) -> None:
    door.broker.failing = True
    assert (await send(door)).status_code == 503
    door.broker.failing = False
    door.clock.advance(10)
    again = await send(door)
    assert again.status_code == 202
    assert "idempotency-replayed" not in again.headers
    first, second = door.broker.records
    assert first.key == second.key == ids_of(again)[0].encode()
    assert first.headers == second.headers
    assert (first.topic, first.partition) == (second.topic, second.partition)
    assert event_of(second).requested_at == event_of(first).requested_at == START
    assert event_of(second).valid_until == event_of(first).valid_until


async def test_two_clients_at_once_get_the_same_ids_of_one_row(door: Door) -> None:
    answers = await asyncio.gather(*(send(door) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.content for answer in answers}) == 1
    assert len(door.rows.rows) == 1
    assert len({record.key for record in door.broker.records}) == 1


async def test_a_repeat_while_the_first_is_under_way_has_the_same_ids(door: Door) -> None:
    door.broker.close()
    first = asyncio.create_task(send(door))
    await wait_until(lambda: len(door.broker.records) == 1)
    second = asyncio.create_task(send(door))
    await wait_until(lambda: door.rows.calls["find"] == 1)
    door.broker.open()
    assert (await first).content == (await second).content


async def test_after_72_hours_the_key_is_free_again(door: Door) -> None:
    first = await send(door)
    door.clock.advance(72 * HOUR - 1)
    assert ids_of(await send(door)) == ids_of(first)
    door.clock.advance(1)
    later = await send(door, {**GOOD, "text": "Hei"})
    assert later.status_code == 202
    assert ids_of(later) != ids_of(first)
    assert (await send(door, {**GOOD, "text": "Hei"})).content == later.content


async def test_a_thousand_recipients_lie_in_one_partition_and_repeat_as_one(door: Door) -> None:
    body = {"to": [f"+479{number:07}" for number in range(1000)], "text": "Hei"}
    door.broker.failing = True
    assert (await send(door, body)).status_code == 503
    begun = {record.key for record in door.broker.records}
    door.broker.failing = False
    answer = await send(door, body)
    ids = ids_of(answer)
    assert len(set(ids)) == 1000
    assert begun
    assert {record.key for record in door.broker.records} == {message_id.encode() for message_id in ids}
    assert {record.partition for record in door.broker.records} == {partition_of(ids[0], PARTITIONS)}
    assert len({partition_of(message_id, PARTITIONS) for message_id in ids}) == 1
    door.broker.batches.clear()
    assert (await send(door, body)).content == answer.content
    assert door.broker.records == []


async def test_an_id_belongs_to_a_place_not_to_the_good_recipients(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a number that becomes good between two tries would get the id of another, which was sent already."""
    body = {"to": ["99999998", "99999999"], "text": "Hei"}
    door.broker.failing = True
    with monkeypatch.context() as before:
        parse = text_numbers.parse

        def stricter(raw: str, **options: Any) -> Any:
            return parse("12" if raw == "99999998" else raw, **options)

        before.setattr("services.ingest.api.verdicts.parse", stricter)
        assert (await send(door, body)).status_code == 503
    (begun,) = door.broker.records
    door.broker.failing = False
    answer = await send(door, body)
    assert ids_of(answer)[1].encode() == begun.key
    assert ids_of(answer)[0].encode() != begun.key


async def test_a_refused_request_claims_nothing(door: Door) -> None:
    assert (await send(door, {**GOOD, "text": ""})).status_code == 422
    assert (await send(door, b"{")).status_code == 422
    assert (await send(door)).status_code == 202


async def test_what_was_answered_stays_answered_when_the_rules_change(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await send(door)
    monkeypatch.setattr("services.ingest.api.drafting.MOST_RECIPIENTS", 0)
    assert (await door.post(GOOD)).status_code == 422
    again = await send(door)
    assert (again.status_code, again.content) == (202, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert (await send(door, {**GOOD, "text": "Hei"})).status_code == 422


async def test_a_dry_run_claims_nothing(door: Door) -> None:
    answer = await door.post(GOOD, path="/v1/messages?dry_run=true", headers={"idempotency-key": "k-1"})
    assert answer.status_code == 202
    assert door.rows.rows == {}


async def test_without_the_store_nothing_is_promised_and_nothing_produced(door: Door) -> None:
    door.rows.fail["insert"] = 1
    answer = await send(door)
    assert (answer.status_code, answer.json()["detail"]) == (503, "idempotency_unavailable")
    assert door.broker.records == []
    assert (await send(door)).status_code == 202


async def test_a_claim_whose_acknowledgement_was_lost_is_found_by_the_repeat(door: Door) -> None:
    door.rows.lose["insert"] = 1
    assert (await send(door)).status_code == 503
    assert len(door.rows.rows) == 1
    assert (await send(door)).status_code == 202
    assert len(door.rows.rows) == 1


async def test_an_answer_that_cannot_be_kept_is_given_all_the_same(door: Door) -> None:
    door.rows.fail["answer"] = 1
    first = await send(door)
    await door.claims.answers.stop(1.0)
    again = await send(door)
    assert first.status_code == 202
    assert again.content == first.content
    assert "idempotency-replayed" not in again.headers
    assert len({record.key for record in door.broker.records}) == 1


async def test_an_answer_is_kept_behind_the_callers_back(door: Door) -> None:
    await send(door)
    assert [row.answer for row in door.rows.rows.values()] == [None]
    again = await send(door)
    assert again.headers["idempotency-replayed"] == "true"
    await wait_until(lambda: all(row.answer is not None for row in door.rows.rows.values()))
    assert (await send(door)).headers["idempotency-replayed"] == "true"
    assert (len(door.broker.records), door.rows.calls["answer"]) == (1, 1)


async def test_memory_of_repeats_is_forgotten_without_harm(door: Door) -> None:
    door.rows.fail["answer"] = 1
    answer = await send(door)
    await door.claims.answers.stop(1.0)
    await send(door)
    door.clock.advance(61)
    assert (await door.post(GOOD)).status_code == 202
    assert (await door.client.get(f"/v1/messages/{ids_of(answer)[0]}")).status_code == 404


async def test_the_row_tells_nobody_anything(door: Door) -> None:
    await send(door, key="order-for-99999999")
    for row in door.rows.rows.values():
        everything = repr(row)
        assert "99999999" not in everything
        assert "Hei" not in everything
        assert "order-for" not in everything
