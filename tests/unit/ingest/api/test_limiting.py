"""Who sends too fast is told so, with the time to come again; nothing of the request is taken."""

from __future__ import annotations

from tests.unit.ingest.api.door import Door

MANY = {"to": [f"+479{number:07}" for number in range(1000)], "text": "x" * 400}


async def test_every_answer_tells_what_is_left(door: Door) -> None:
    answer = await door.post({"to": ["99999999", "99999998"], "text": "Hei"})
    assert answer.headers["ratelimit-limit"] == "10000"
    assert answer.headers["ratelimit-remaining"] == "9998"
    assert answer.headers["ratelimit-reset"] == "1"
    again = await door.post({"to": "99999999", "text": "Hei"}, headers={"idempotency-key": "k"})
    assert again.headers["ratelimit-remaining"] == "9997"


async def test_the_scarcer_of_messages_and_parts_is_told(door: Door) -> None:
    answer = await door.post({**MANY, "text": "x" * 900})
    assert (answer.headers["ratelimit-limit"], answer.headers["ratelimit-remaining"]) == ("30000", "24000")


async def test_too_much_is_429_with_the_time_to_come_again(door: Door) -> None:
    for _ in range(10):
        assert (await door.post(MANY)).status_code == 202
    produced = len(door.broker.records)
    refused = await door.post(MANY)
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert refused.json()["detail"] == "too many messages a second"
    assert refused.headers["retry-after"] == "1"
    assert refused.headers["ratelimit-remaining"] == "0"
    assert len(door.broker.records) == produced
    door.clock.advance(1.0)
    assert (await door.post(MANY)).status_code == 202


async def test_charges_are_refused_like_messages_and_nothing_is_ordered(door: Door) -> None:
    for _ in range(10):
        await door.post(MANY)
    produced = len(door.broker.records)
    sold = {"to": "99999999", "price": 4200, "service_code": "06002", "invoice_text": "Bussbillett"}
    for path, body in (("one-time-passwords", sold), ("charges", sold | {"consent_ref": "avtale 7781"})):
        refused = await door.post(body, f"/v1/premium/{path}", headers={"idempotency-key": "k"})
        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert (len(door.broker.records), door.rows.rows) == (produced, {})


async def test_a_refused_request_leaves_its_idempotency_key_free(door: Door) -> None:
    for _ in range(10):
        await door.post(MANY)
    refused = await door.post(MANY, headers={"idempotency-key": "k"})
    assert refused.status_code == 429
    assert door.rows.rows == {}


async def test_a_dry_run_a_quote_and_a_bad_request_count_for_nothing(door: Door) -> None:
    await door.post(MANY, path="/v1/messages?dry_run=true")
    await door.post({"text": "Hei"}, path="/v1/quotes")
    await door.post({**MANY, "text": ""})
    assert door.buckets.calls == 0


async def test_only_good_recipients_count(door: Door) -> None:
    answer = await door.post({"to": ["99999999", "x"], "text": "Hei"})
    assert answer.headers["ratelimit-remaining"] == "9999"


async def test_without_valkey_nobody_notices(door: Door) -> None:
    door.buckets.away = True
    answer = await door.post({"to": "99999999", "text": "Hei"})
    assert answer.status_code == 202
    assert answer.headers["ratelimit-remaining"] == "4999"
