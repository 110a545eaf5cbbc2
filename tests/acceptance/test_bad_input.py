"""What the front door refuses over real HTTP: exact status, problem document, code and pointer. Nothing is sent."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from tests.acceptance.customer import Customer, customer_of
from tests.acceptance.numbers import Numbers
from tests.acceptance.smsc import Smsc
from tests.acceptance.system import System
from tests.integration.ingest.api.conftest import calling

PROBLEM = "application/problem+json"
NOBODY = "+4790000009"
GOOD: dict[str, Any] = {"to": NOBODY, "text": "Hei"}
MEBIBYTE = 1 << 20


def changed(**fields: Any) -> bytes:
    return msgspec.json.encode({**GOOD, **fields})


BAD_BODIES = {
    "nothing": (b"", "invalid_json", None, None),
    "no JSON": (b'{"to": "+4790000009", "text": ', "invalid_json", None, None),
    "invalid UTF-8": (b'{"to": "+4790000009", "text": "\xc3\x28"}', "invalid_json", None, None),
    "UTF-16": (changed().decode().encode("utf-16"), "invalid_json", None, None),
    "a list": (b"[]", "invalid_request", "", "wrong_type"),
    "an unknown field": (changed(colour="red"), "invalid_request", "/colour", "unknown_field"),
    "a field given twice": (
        b'{"to":"+4790000009","text":"a","text":"b"}',
        "invalid_request",
        "/text",
        "duplicate_field",
    ),
    "no recipient": (b'{"text": "Hei"}', "invalid_request", "/to", "missing_field"),
    "no text": (b'{"to": "+4790000009"}', "invalid_request", "/text", "missing_field"),
    "a recipient that is a number": (changed(to=4790000009), "invalid_request", "/to", "wrong_type"),
    "a null among recipients": (changed(to=["+4790000009", None]), "invalid_request", "/to/1", "wrong_type"),
    "nobody": (changed(to=[]), "invalid_request", "/to", "no_recipient"),
    "1001 recipients": (changed(to=["+4790000009"] * 1001), "invalid_request", "/to", "too_many_recipients"),
    "an empty text": (changed(text=""), "invalid_request", "/text", "empty_text"),
    "a text of too many parts": (changed(text="x" * (6 * 153 + 1)), "invalid_request", "/text", "too_many_parts"),
    "half a surrogate pair": (b'{"to":"+4790000009","text":"\\ud83d"}', "invalid_request", "/text", "lone_surrogate"),
    "a text that needs Unicode": (
        changed(text="ж", allow_unicode=False),
        "invalid_request",
        "/text",
        "unicode_not_allowed",
    ),
    "a long sender": (changed(**{"from": "abcdefghijkl"}), "invalid_request", "/from", "sender_too_long"),
    "an unknown lane": (changed(lane="fast"), "invalid_request", "/lane", "unknown_value"),
    "too short a validity": (changed(valid_for=1), "invalid_request", "/valid_for", "out_of_range"),
    "a callback that is no URL": (changed(callback_url="her"), "invalid_request", "/callback_url", "invalid_url"),
    "a time to send at": (changed(send_at="2030-01-01T00:00:00Z"), "not_available", "/send_at", "not_available"),
    "a wrong number": (changed(to="12"), "no_valid_recipient", "/to", "invalid_number"),
    "a short number": (changed(to="2077"), "no_valid_recipient", "/to", "short_number"),
    "a fixed line": (changed(to="+4722334455"), "no_valid_recipient", "/to", "not_a_mobile"),
    "only wrong numbers": (changed(to=["ring"]), "no_valid_recipient", "/to/0", "number_has_letters"),
}
"""Body, code, and pointer and code of the field."""


@pytest.fixture(autouse=True)
async def nothing_is_sent(api: Customer, fjord: Smsc, numbers: Numbers) -> AsyncIterator[None]:
    """After all that, the system takes a good message, and has sent none of the others."""
    yield
    await api.delivered(await api.send_one(numbers.norwegian(), "Og nå en god"))
    assert await fjord.taken_for(NOBODY) == []


async def test_a_bad_body_is_refused_by_name(api: Customer) -> None:
    for name, (body, code, pointer, field_code) in BAD_BODIES.items():
        answer = await api.http.post("/v1/messages", content=body, headers={"content-type": "application/json"})
        problem = answer.json()
        assert (answer.status_code, answer.headers["content-type"], problem["code"]) == (422, PROBLEM, code), name
        assert (problem["status"], problem["type"]) == (422, f"urn:budstikke:error:{code}"), name
        assert problem["title"], name
        if pointer is not None:
            assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [(pointer, field_code)], name


async def test_without_a_good_key_nobody_learns_why(api: Customer, system: System, numbers: Numbers) -> None:
    path = f"/v1/messages/{await api.send_one(numbers.norwegian(), 'Hei')}"
    for key in (None, "Bearer", "Bearer bsk_0", f"Bearer {system.key[:-1]}x", f"Basic {system.key}", system.key):
        headers = {} if key is None else {"authorization": key}
        del api.http.headers["authorization"]
        answers = [
            await api.http.post("/v1/messages", json=GOOD, headers=headers),
            await api.http.post("/v1/quotes", json={"text": "Hei"}, headers=headers),
            await api.http.get(path, headers=headers),
        ]
        api.http.headers["authorization"] = f"Bearer {system.key}"
        for answer in answers:
            assert (answer.status_code, answer.headers["content-type"]) == (401, PROBLEM)
            assert answer.json()["code"] == "unauthorized"
            assert answer.headers["www-authenticate"].startswith("Bearer")
        assert len({answer.content for answer in answers}) == 1


async def test_another_accounts_message_does_not_exist(
    api: Customer, system: System, numbers: Numbers, tmp_path: Path
) -> None:
    message_id = await api.send_one(numbers.norwegian(), "Hei")
    await api.delivered(message_id)
    async with (
        calling(system.api, system.mongodb, tmp_path) as stranger,
        customer_of(system.api, stranger.key.text) as other,
    ):
        theirs = await other.http.get(f"/v1/messages/{message_id}")
        nobodys = await other.http.get("/v1/messages/01a20682-254f-77a0-9cbe-cd482b63b4e2")
        assert (theirs.status_code, theirs.json()["code"]) == (404, "not_found")
        assert theirs.content == nobodys.content
        assert (await other.http.post("/v1/messages?dry_run=true", json=GOOD)).status_code == 202


@pytest.mark.parametrize(
    "message_id", ["x", "0", "01A20682-254F-77A0-9CBE-CD482B63B4E2", "%00", "..%2f..", "a" * 5000, "%F0%9F%98%80"]
)
async def test_what_is_no_id_is_not_found(api: Customer, message_id: str) -> None:
    answer = await api.http.get(f"/v1/messages/{message_id}")
    assert (answer.status_code, answer.headers["content-type"], answer.json()["code"]) == (404, PROBLEM, "not_found")


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "application/json; charset=iso-8859-1"},
        {"content-type": "application/json", "content-encoding": "gzip"},
        {},
    ],
)
async def test_only_json_is_read(api: Customer, headers: dict[str, str]) -> None:
    answer = await api.http.post("/v1/messages", content=changed(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


async def test_a_wrong_method_and_an_unknown_path_are_problems_too(api: Customer) -> None:
    wrong = await api.http.request("PATCH", "/v1/messages", json=GOOD)
    assert (wrong.status_code, wrong.json()["code"], wrong.headers["allow"]) == (405, "method_not_allowed", "POST")
    for path in (
        "/",
        "/v1",
        "/v1/messages/",
        "/v2/messages",
        "/v1/messages/x/y",
        "/internal/v1/messages/x",
        "/metrics",
    ):
        answer = await api.http.get(path)
        assert (answer.status_code, answer.headers["content-type"], answer.json()["code"]) == (
            404,
            PROBLEM,
            "not_found",
        ), path


async def test_a_dry_run_answers_the_same_and_sends_nothing(api: Customer) -> None:
    answer = await api.http.post("/v1/messages?dry_run=true", json=GOOD)
    assert answer.status_code == 202
    (message,) = answer.json()["messages"]
    assert (message["id"], message["state"], message["parts"]) == (None, "accepted", 1)
    misspelt = await api.http.post("/v1/messages?dryrun=true", json=GOOD)
    assert (misspelt.status_code, misspelt.json()["code"]) == (422, "invalid_request")


async def test_a_body_of_more_than_a_mebibyte_is_refused_before_its_end(system: System) -> None:
    announced = await raw(system, f"content-length: {MEBIBYTE + 1}", b"{")
    chunked = await raw(system, "transfer-encoding: chunked", b"%x\r\n%s\r\n" % (MEBIBYTE + 1, b" " * (MEBIBYTE + 1)))
    for status, body in (announced, chunked):
        assert (status, msgspec.json.decode(body)["code"]) == (413, "body_too_large")


async def test_a_body_of_exactly_a_mebibyte_is_read(api: Customer) -> None:
    padded = changed(colour="red").ljust(MEBIBYTE)
    answer = await api.http.post("/v1/messages", content=padded, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/colour")


@pytest.mark.parametrize(
    "request_line",
    ["POST /v1/messages HTTP/9.9", "nonsense", "G\x00T / HTTP/1.1"],
)
async def test_what_is_no_http_is_answered_400_or_nothing(system: System, request_line: str) -> None:
    status, _ = await _exchange(system, f"{request_line}\r\nhost: x\r\n\r\n".encode())
    assert status in {400, 505, None}


@pytest.mark.parametrize(
    "headers",
    [
        "content-length: -1",
        "content-length: 1e3",
        "content-length: 99999999999999999999999",
        "content-length: 5\r\ncontent-length: 6",
        "content-length: 5\r\ntransfer-encoding: chunked",
    ],
)
async def test_a_length_that_cannot_be_is_refused(system: System, headers: str) -> None:
    status, _ = await raw(system, headers, b"12345")
    assert status in {400, 413, 422}


async def test_a_caller_who_goes_away_in_the_middle_harms_nobody(system: System) -> None:
    _, writer = await _connect(system)
    writer.write(_head(system, "content-length: 100") + changed()[:10])
    await writer.drain()
    writer.close()
    await writer.wait_closed()


async def raw(system: System, headers: str, body: bytes) -> tuple[int | None, bytes]:
    """Status and body of what answers a request whose framing is of our own making."""
    return await _exchange(system, _head(system, headers) + body)


def _head(system: System, headers: str) -> bytes:
    return (
        f"POST /v1/messages HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {system.key}\r\n"
        f"content-type: application/json\r\n{headers}\r\n\r\n"
    ).encode()


async def _connect(system: System) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    address = urlsplit(system.api)
    return await asyncio.open_connection(address.hostname, address.port)


async def _exchange(system: System, request: bytes) -> tuple[int | None, bytes]:
    """What comes back before the server closes; no status when it says nothing that is HTTP."""
    reader, writer = await _connect(system)
    try:
        writer.write(request)
        async with asyncio.timeout(20):
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionResetError):
                return None, b""
            length = re.search(rb"content-length: (\d+)", head.lower())
            body = await reader.readexactly(int(length[1])) if length else b""
        return int(head[9:12]), body
    finally:
        writer.close()
