"""202 means that the records are on the topic; everything else means that they are not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.ingest.api.bodies import MOST_OCTETS
from shared.contracts.codec import only
from shared.contracts.events import SendRequested
from shared.contracts.topics import LOCAL
from shared.http import HttpServer
from shared.ids import partition_of
from shared.internal.token import HEADER, verify
from shared.kafka.record import Record
from tests.integration.ingest.api.conftest import CLOCK, SECRET, Caller, calling, open_door, watching
from tests.support import wait_until


async def test_202_means_that_the_record_is_on_the_topic(kafka: str, caller: Caller) -> None:
    async with watching(kafka, "sms.requests.express") as topic:
        answer = await caller.http.post(
            "/v1/messages", json={"to": "99999999", "text": "Koden er 1234", "category": "otp"}
        )
        assert answer.status_code == 202
        assert answer.headers["content-type"] == "application/json"
        (record,) = await topic.records()
    message_id = answer.json()["messages"][0]["id"]
    assert record.key == message_id.encode()
    assert record.partition == partition_of(message_id, LOCAL.message_partitions)
    assert dict(record.headers)["ce_type"] == b"no.budstikke.sms.send-requested.v1"
    event = only(
        SendRequested, Record(record.topic, record.partition, 0, 0, record.key, record.value, tuple(record.headers))
    )
    account = caller.account.account_id
    assert (event.account_id, event.actor.key_id, event.actor.ip) == (account, caller.key.key_id, "127.0.0.1")
    assert caller.sealer.open(account, message_id, "to", event.to) == "+4799999999"
    assert caller.sealer.open(account, message_id, "content", event.content) == "Koden er 1234"
    assert b"99999999" not in record.value
    assert b"1234" not in record.value.replace(message_id.encode(), b"")


async def test_a_thousand_recipients_are_all_on_the_topic(kafka: str, caller: Caller) -> None:
    numbers = [f"+479{number:07}" for number in range(1000)]
    async with watching(kafka, "sms.requests.bulk") as topic:
        answer = await caller.http.post(
            "/v1/messages", json={"to": numbers, "text": "Tilbud " * 20, "category": "marketing"}
        )
        assert answer.status_code == 202
        records = await topic.records()
    messages = answer.json()["messages"]
    assert [message["to"] for message in messages] == numbers
    assert sorted(record.key.decode() for record in records) == sorted(message["id"] for message in messages)
    assert all(record.partition == partition_of(record.key.decode(), LOCAL.message_partitions) for record in records)


async def test_many_callers_at_once_lose_nothing(kafka: str, caller: Caller) -> None:
    async with watching(kafka, "sms.requests.standard") as topic:
        answers = await asyncio.gather(
            *(caller.http.post("/v1/messages", json={"to": "99999999", "text": "Hei"}) for _ in range(300))
        )
        records = await topic.records()
    assert {answer.status_code for answer in answers} == {202}
    promised = {answer.json()["messages"][0]["id"] for answer in answers}
    assert {record.key.decode() for record in records} == promised
    assert len(promised) == 300


async def test_a_dry_run_and_a_refusal_produce_nothing(kafka: str, caller: Caller) -> None:
    async with watching(kafka, "sms.requests.standard") as topic:
        dry = await caller.http.post("/v1/messages?dry_run=true", json={"to": "99999999", "text": "Hei"})
        bad = await caller.http.post("/v1/messages", json={"to": "2077", "text": "Hei"})
        assert (dry.status_code, bad.status_code) == (202, 422)
        assert await topic.records() == []


async def test_a_revoked_key_is_refused_within_two_seconds(caller: Caller) -> None:
    assert (await caller.http.post("/v1/quotes", json={"text": "x"})).status_code == 200
    await caller.accounts.revoke_key(caller.key.key_id, CLOCK.now())

    async def refused() -> bool:
        return (await caller.http.post("/v1/quotes", json={"text": "x"})).status_code == 401

    await wait_until(refused, deadline=2.0)


async def test_another_accounts_message_does_not_exist(url: str, mongodb: str, caller: Caller, tmp_path: Path) -> None:
    sent = await caller.http.post("/v1/messages", json={"to": "99999999", "text": "Hei"})
    path = f"/v1/messages/{sent.json()['messages'][0]['id']}"
    own = await caller.http.get(path)
    assert (own.status_code, own.json()["state"]) == (200, "accepted")
    async with calling(url, mongodb, tmp_path) as other:
        # The owner of the log is away, so the door cannot know more than that it does not remember.
        assert (await other.http.get(path)).status_code == 503


@pytest.fixture
async def owner() -> AsyncIterator[HttpServer]:
    """An owner of the message log that has one message, of the account that the token names."""

    async def answer(request: Request) -> Response:
        claims = verify(SECRET.encode(), request.headers[HEADER], CLOCK.now())
        if not request.path_params["id"].startswith("0000"):
            return Response(status_code=404)
        return Response(msgspec.json.encode({"account": claims.account_id}), media_type="application/json")

    server = HttpServer(
        "owner", Starlette(routes=[Route("/internal/v1/messages/{id}", answer)]), "127.0.0.1", 0, setting="none"
    )
    await server.start()
    yield server
    await server.stop(1.0)


async def test_reads_are_the_owners_to_answer(
    kafka: str, mongodb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: HttpServer
) -> None:
    dlr_api = f"http://127.0.0.1:{owner.port}"
    async with (
        open_door(kafka, mongodb, tmp_path, monkeypatch, dlr_api) as url,
        calling(url, mongodb, tmp_path) as caller,
        calling(url, mongodb, tmp_path) as other,
    ):
        known = await caller.http.get("/v1/messages/00000000-0000-7000-8000-000000000000")
        assert known.json() == {"account": caller.account.account_id}
        assert (await caller.http.get("/v1/messages/10000000-0000-7000-8000-000000000000")).status_code == 404
        sent = await caller.http.post("/v1/messages", json={"to": "99999999", "text": "Hei"})
        path = f"/v1/messages/{sent.json()['messages'][0]['id']}"
        assert (await caller.http.get(path)).json()["state"] == "accepted"
        assert (await other.http.get(path)).status_code == 404


async def test_a_large_body_is_refused_before_its_end(caller: Caller) -> None:
    just_too_much = b"%x\r\n%s\r\n" % (MOST_OCTETS + 1, b" " * (MOST_OCTETS + 1))
    assert await _first_answer(caller, {"content-length": str(1 << 30)}, b"{") == 413
    assert await _first_answer(caller, {"transfer-encoding": "chunked"}, just_too_much) == 413


async def _first_answer(caller: Caller, headers: dict[str, str], begin: bytes) -> int:
    """The status that comes back although the body is not sent to its end."""
    url = caller.http.base_url
    reader, writer = await asyncio.open_connection(url.host, url.port)
    lines = {"host": url.host, "authorization": f"Bearer {caller.key.text}", "content-type": "application/json"}
    head = "".join(f"{name}: {value}\r\n" for name, value in (lines | headers).items())
    writer.write(f"POST /v1/messages HTTP/1.1\r\n{head}\r\n".encode() + begin)
    status = await asyncio.wait_for(reader.readline(), 5.0)
    writer.close()
    await writer.wait_closed()
    return int(status.split()[1])
