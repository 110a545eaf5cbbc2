"""Every bad request is answered with its status, code and pointer; nothing is produced and nothing is repeated back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.ingest.accounts.account import Account
from services.ingest.accounts.keys import Scope
from shared.ids import AccountId
from tests.unit.ingest.api.door import Door, running

GOOD = {"to": "99999999", "text": "Hei"}
SECRET_TEXT = "hemmelig"
SECRET_NUMBER = "12345678901234567890"


def good(**changes: Any) -> dict[str, Any]:
    return {**GOOD, **changes}


# name: body, status, code, pointer, code of the field
BAD: dict[str, tuple[object, int, str, str | None, str | None]] = {
    "empty body": (b"", 422, "invalid_json", None, None),
    "cut off": (b'{"to": "1"', 422, "invalid_json", None, None),
    "trailing": (b'{"to":"99999999","text":"x"} x', 422, "invalid_json", None, None),
    "byte order mark": (b'\xef\xbb\xbf{"to":"99999999","text":"x"}', 422, "invalid_json", None, None),
    "control character": (b'{"to":"99999999","text":"a\x01"}', 422, "invalid_json", None, None),
    "invalid UTF-8": (b'{"to":"99999999","text":"\xff"}', 422, "invalid_json", None, None),
    "NaN": (b'{"to":"99999999","text":"x","valid_for":NaN}', 422, "invalid_json", None, None),
    "deep nesting": (b'{"premium":' + b"[" * 200_000 + b"]" * 200_000 + b"}", 422, "invalid_json", None, None),
    "not an object": (b"[]", 422, "invalid_request", "", "wrong_type"),
    "null": (b"null", 422, "invalid_request", "", "wrong_type"),
    "no recipient field": ({"text": "x"}, 422, "invalid_request", "/to", "missing_field"),
    "no text": ({"to": "99999999"}, 422, "invalid_request", "/text", "missing_field"),
    "unknown field": (good(colour="red"), 422, "invalid_request", "/colour", "unknown_field"),
    "unknown field that is a number": (good(**{SECRET_NUMBER: 1}), 422, "invalid_request", "", "unknown_field"),
    "unknown field with a slash": (good(**{"a/b": 1}), 422, "invalid_request", "", "unknown_field"),
    "unknown field with a line feed": (good(**{"a\nb": 1}), 422, "invalid_request", "", "unknown_field"),
    "twice": (b'{"to":"99999999","text":"a","text" :"b"}', 422, "invalid_request", "/text", "duplicate_field"),
    "to is a number": (good(to=99999999), 422, "invalid_request", "/to", "wrong_type"),
    "to holds a number": (good(to=["99999999", 1]), 422, "invalid_request", "/to/1", "wrong_type"),
    "to holds null": (good(to=[None]), 422, "invalid_request", "/to/0", "wrong_type"),
    "to is empty": (good(to=[]), 422, "invalid_request", "/to", "no_recipient"),
    "to is too long": (good(to=["99999999"] * 1001), 422, "invalid_request", "/to", "too_many_recipients"),
    "text is null": (good(text=None), 422, "invalid_request", "/text", "wrong_type"),
    "text is empty": (good(text=""), 422, "invalid_request", "/text", "empty_text"),
    "text is long": (good(text=SECRET_TEXT * 125), 422, "invalid_request", "/text", "too_many_parts"),
    "text is very long": (good(text=SECRET_TEXT * 10_000), 422, "invalid_request", "/text", "too_many_parts"),
    "NUL": (good(text=f"{SECRET_TEXT}\0"), 422, "invalid_request", "/text", "nul_in_text"),
    "ESC": (good(text=f"{SECRET_TEXT}\x1b"), 422, "invalid_request", "/text", "escape_in_text"),
    "ESC in Unicode": (good(text="ж\x1b"), 422, "invalid_request", "/text", "escape_in_text"),
    "high surrogate": (b'{"to":"99999999","text":"\\ud83d"}', 422, "invalid_request", "/text", "lone_surrogate"),
    "low surrogate": (b'{"to":"99999999","text":"\\udc00 "}', 422, "invalid_request", "/text", "lone_surrogate"),
    "surrogate in to": (b'{"to":["1","\\ud83d"],"text":"x"}', 422, "invalid_request", "/to/1", "lone_surrogate"),
    "Unicode not allowed": (
        good(text="ж", allow_unicode=False),
        422,
        "invalid_request",
        "/text",
        "unicode_not_allowed",
    ),
    "more parts than allowed": (good(text="x" * 161, max_parts=1), 422, "invalid_request", "/text", "too_many_parts"),
    "default is six parts": (good(text="x" * (6 * 153 + 1)), 422, "invalid_request", "/text", "too_many_parts"),
    "from has 12": (good(**{"from": "abcdefghijkl"}), 422, "invalid_request", "/from", "sender_too_long"),
    "from is a smile": (good(**{"from": "Hei☺"}), 422, "invalid_request", "/from", "invalid_sender"),
    "from is empty": (good(**{"from": ""}), 422, "invalid_request", "/from", "invalid_sender"),
    "from is a number type": (good(**{"from": 2077}), 422, "invalid_request", "/from", "wrong_type"),
    "sender instead of from": (good(sender="Acme"), 422, "invalid_request", "/sender", "unknown_field"),
    "valid_for 59": (good(valid_for=59), 422, "invalid_request", "/valid_for", "out_of_range"),
    "valid_for 72 h and 1 s": (good(valid_for=259_201), 422, "invalid_request", "/valid_for", "out_of_range"),
    "valid_for in words": (good(valid_for="1h"), 422, "invalid_request", "/valid_for", "wrong_type"),
    "valid_for a float": (good(valid_for=60.5), 422, "invalid_request", "/valid_for", "wrong_type"),
    "valid_for true": (good(valid_for=True), 422, "invalid_request", "/valid_for", "wrong_type"),
    "valid_for huge": (
        b'{"to":"99999999","text":"x","valid_for":1e999}',
        422,
        "invalid_request",
        "/valid_for",
        "out_of_range",
    ),
    "max_parts 0": (good(max_parts=0), 422, "invalid_request", "/max_parts", "out_of_range"),
    "max_parts 11": (good(max_parts=11), 422, "invalid_request", "/max_parts", "out_of_range"),
    "lane": (good(lane=SECRET_NUMBER), 422, "invalid_request", "/lane", "unknown_value"),
    "lane is 1": (good(lane=1), 422, "invalid_request", "/lane", "wrong_type"),
    "category": (good(category="spam"), 422, "invalid_request", "/category", "unknown_value"),
    "flash in words": (good(flash="yes"), 422, "invalid_request", "/flash", "wrong_type"),
    "test is 1": (good(test=1), 422, "invalid_request", "/test", "wrong_type"),
    "empty reference": (good(reference=""), 422, "invalid_request", "/reference", "too_short"),
    "long reference": (good(reference="r" * 129), 422, "invalid_request", "/reference", "too_long"),
    "long consent_ref": (good(consent_ref="r" * 129), 422, "invalid_request", "/consent_ref", "too_long"),
    "callback_url ftp": (good(callback_url="ftp://a.no/"), 422, "invalid_request", "/callback_url", "invalid_url"),
    "callback_url relative": (good(callback_url="/status"), 422, "invalid_request", "/callback_url", "invalid_url"),
    "callback_url no host": (good(callback_url="https:///x"), 422, "invalid_request", "/callback_url", "invalid_url"),
    "callback_url user": (
        good(callback_url="https://a:b@c.no"),
        422,
        "invalid_request",
        "/callback_url",
        "invalid_url",
    ),
    "callback_url port": (
        good(callback_url="https://c.no:99999"),
        422,
        "invalid_request",
        "/callback_url",
        "invalid_url",
    ),
    "callback_url line feed": (
        good(callback_url="https://c.no/\n"),
        422,
        "invalid_request",
        "/callback_url",
        "invalid_url",
    ),
    "callback_url bracket": (
        good(callback_url="https://[c.no/"),
        422,
        "invalid_request",
        "/callback_url",
        "invalid_url",
    ),
    "callback_url long": (
        good(callback_url="https://c.no/" + "a" * 2048),
        422,
        "invalid_request",
        "/callback_url",
        "too_long",
    ),
    "send_at": (good(send_at="2027-01-01T00:00:00Z"), 422, "not_available", "/send_at", "not_available"),
    "premium": (good(premium={"to": 1, "text": 2}), 422, "not_available", "/premium", "not_available"),
    "no such number": (good(to="12"), 422, "no_valid_recipient", "/to", "invalid_number"),
    "letters": (good(to=["call me"]), 422, "no_valid_recipient", "/to/0", "number_has_letters"),
    "short number": (good(to="2077"), 422, "no_valid_recipient", "/to", "short_number"),
    "fixed line": (good(to="+4722334455"), 422, "no_valid_recipient", "/to", "not_a_mobile"),
    "empty number": (good(to=""), 422, "no_valid_recipient", "/to", "number_missing"),
    "long number": (good(to=SECRET_NUMBER), 422, "no_valid_recipient", "/to", "number_too_long"),
    "very long number": (good(to="9" * 100_000), 422, "no_valid_recipient", "/to", "number_too_long"),
}


@pytest.mark.parametrize("case", BAD)
async def test_a_bad_body_is_refused_by_name(door: Door, case: str) -> None:
    body, status, code, pointer, field_code = BAD[case]
    answer = await door.post(body)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["type"] == f"urn:budstikke:error:{code}"
    if pointer is not None:
        assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [(pointer, field_code)]
    assert SECRET_TEXT not in answer.text
    assert SECRET_NUMBER not in answer.text
    assert door.broker.records == []


@pytest.mark.parametrize(("field", "said"), [("premium", "POST /v1/premium/charges"), ("send_at", "later time")])
async def test_what_a_message_cannot_have_is_said_with_the_way_round_it(door: Door, field: str, said: str) -> None:
    problem = (await door.post(good(**{field: {}}))).json()
    assert said in problem["detail"]
    assert said in problem["errors"][0]["message"]
    document = (await door.client.get("/openapi.json")).json()
    assert said in document["paths"]["/v1/messages"]["post"]["description"]


async def test_every_bad_recipient_is_named_when_none_is_good(door: Door) -> None:
    answer = await door.post(good(to=["1", "x"]))
    assert (answer.status_code, answer.json()["code"]) == (422, "no_valid_recipient")
    assert door.broker.records == []
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/to/0", "/to/1"]


@pytest.mark.parametrize(
    ("content_type", "extra"),
    [
        ("text/plain", {}),
        ("application/x-www-form-urlencoded", {}),
        ("application/json; charset=iso-8859-1", {}),
        ("application/json", {"content-encoding": "gzip"}),
        ("", {}),
    ],
)
async def test_only_plain_json_is_read(door: Door, content_type: str, extra: dict[str, str]) -> None:
    answer = await door.post(GOOD, headers={"content-type": content_type, **extra})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"'])
async def test_utf_8_may_be_named(door: Door, content_type: str) -> None:
    assert (await door.post(GOOD, headers={"content-type": content_type})).status_code == 202


async def test_a_large_body_is_refused_with_and_without_its_length(door: Door) -> None:
    large = msgspec.json.encode(good(text="x" * (1 << 20)))

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(large), 65_536):
            yield large[start : start + 65_536]

    for content in (large, chunks()):
        answer = await door.client.post("/v1/messages", content=content, headers={"content-type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
        assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
async def test_another_method_is_refused_and_told_which(door: Door, method: str) -> None:
    answer = await door.client.request(method, "/v1/messages")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/messages/", "/v2/messages", "/v1/messages/1/2", "/metrics"])
async def test_an_unknown_path_is_not_found(door: Door, path: str) -> None:
    answer = await door.client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic YTpi",
        "Bearer bsk_0000000000000000_" + "A" * 43,
        "Bearer bsk_x",
        "Bearer " + "x" * 10_000,
        "Bearer bsk_\xe6",
    ],
)
async def test_without_a_good_key_nobody_learns_why(door: Door, authorization: str) -> None:
    answer = await door.post(GOOD, headers={"authorization": authorization.encode("latin-1")})  # type: ignore[dict-item]
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json() == {
        "type": "urn:budstikke:error:unauthorized",
        "title": "Not authorized",
        "status": 401,
        "code": "unauthorized",
    }


@pytest.mark.parametrize("name", ["key", "api_key", "access_token", "authorization"])
async def test_a_key_in_the_query_lets_nobody_in(door: Door, name: str) -> None:
    answer = await door.post(GOOD, path=f"/v1/messages?{name}={door.key}", headers={"authorization": ""})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert door.broker.records == []


async def test_the_secret_counts_not_only_the_key_id(door: Door) -> None:
    wrong = door.key[:-1] + ("A" if door.key[-1] != "A" else "B")
    assert (await door.client_with(wrong).post("/v1/messages", json=GOOD)).status_code == 401


async def test_a_key_without_the_scope_may_not_send(door: Door) -> None:
    key = door.add(Account(AccountId("reader"), "Reader"), scopes=frozenset({Scope.READ}))
    answer = await door.client_with(key).post("/v1/messages", json=GOOD)
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")


@pytest.mark.parametrize("query", ["dryrun=true", "dry_run=1", "dry_run=true&x=1", "to=99999999"])
async def test_a_misspelt_option_does_not_send(door: Door, query: str) -> None:
    answer = await door.post(GOOD, path=f"/v1/messages?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert door.broker.records == []


@pytest.mark.parametrize("key", [b"", b" ", b"a b", b"a\tb", b"\xe6", b"a\x7f", b"x" * 129])
async def test_an_idempotency_key_that_is_none_is_refused_by_name(door: Door, key: bytes) -> None:
    answer = await door.client.post("/v1/messages", json=GOOD, headers=[(b"idempotency-key", key)])
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    (error,) = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == ("", "invalid_idempotency_key")
    assert "Idempotency-Key" in error["message"]
    assert door.broker.records == []


async def test_two_idempotency_keys_are_none(door: Door) -> None:
    headers = [(b"idempotency-key", b"a"), (b"idempotency-key", b"b")]
    answer = await door.client.post("/v1/messages", json=GOOD, headers=headers)
    assert answer.json()["errors"][0]["code"] == "invalid_idempotency_key"


async def test_an_account_without_sender_must_name_one(tmp_path: Path) -> None:
    async with running(Door(tmp_path, Account(AccountId("acme"), "Acme"))) as door:
        answer = await door.post(GOOD)
        assert answer.json()["errors"] == [
            {"pointer": "/from", "code": "sender_missing", "message": "the account has no default sender"}
        ]
        assert (await door.post(good(**{"from": "Acme"}))).status_code == 202


async def test_an_error_of_ours_is_a_problem_document_too(door: Door) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError(SECRET_TEXT)

    door.sealer.seal = broken  # type: ignore[method-assign, assignment]
    answer = await door.post(GOOD)
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert SECRET_TEXT not in answer.text
