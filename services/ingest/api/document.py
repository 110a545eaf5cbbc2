"""The OpenAPI 3.1 document. Schemas come from the structs that the code decodes and encodes with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from services.ingest.api.messages import MessageNow, Messages, Quote, QuoteBody, SendBody
from services.ingest.api.problems import KINDS, RETRY_SECONDS, Code
from services.ingest.idempotency.key import LONGEST as LONGEST_KEY
from shared.http import PROBLEM, Problem

Json = dict[str, Any]

_REF: Final = "#/components/schemas/{name}"
_KEY_PROBLEMS: Final = (Code.UNAUTHORIZED, Code.SCOPE_MISSING, Code.UNAVAILABLE, Code.INTERNAL_ERROR)
_BODY_PROBLEMS: Final = (
    Code.BODY_TOO_LARGE,
    Code.UNSUPPORTED_MEDIA_TYPE,
    Code.INVALID_JSON,
    Code.INVALID_REQUEST,
)
_NOT_YET: Final = ("send_at", "premium")
_EXAMPLE_ID: Final = "019a8f3c-5d7e-7c1a-9b2d-3e4f5a6b0002"

_RETRY_AFTER: Final = {"description": "Seconds.", "schema": {"type": "integer"}, "example": RETRY_SECONDS}
_LIMIT_HEADERS: Final = {
    name: {"description": description, "schema": {"type": "integer"}, "example": example}
    for name, description, example in (
        ("RateLimit-Limit", "Messages, or parts if those are scarcer, that may be sent at once.", 10_000),
        ("RateLimit-Remaining", "How many of them are left, as far as is known here.", 9_999),
        ("RateLimit-Reset", "Seconds until all are there again.", 1),
    )
}

SEND_EXAMPLES: Final[Mapping[str, Json]] = {
    "one": {"summary": "One message", "value": {"to": "+4799999999", "text": "Timen din er i morgen kl. 09.00."}},
    "many": {
        "summary": "A one-time code to two",
        "value": {
            "to": ["99999999", "0047 999 99 998"],
            "from": "Budstikke",
            "text": "Koden er 1234",
            "category": "otp",
            "valid_for": 300,
        },
    },
}
"""Bodies that the tests send as they stand."""

_ACCEPTED_EXAMPLE: Final = {
    "messages": [
        {
            "id": _EXAMPLE_ID,
            "to": "+4799999999",
            "state": "accepted",
            "parts": 1,
            "coding": "gsm7",
            "price": None,
            "error": None,
        }
    ]
}
_NOW_EXAMPLE: Final = {
    "id": _EXAMPLE_ID,
    "to": "+4799999999",
    "from": "Budstikke",
    "state": "accepted",
    "final": False,
    "parts": 1,
    "coding": "gsm7",
    "history": [{"state": "accepted", "at": "2026-11-23T08:00:00Z"}],
    "reference": None,
}
_QUOTE_EXAMPLE: Final = {"parts": 1, "coding": "ucs2", "units": 9, "unicode_characters": ["ș"], "price": None}


def document(title: str, version: str) -> Json:
    """The whole document."""
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, "description": _DESCRIPTION},
        "security": [{"key": []}, {"password": []}],
        "paths": {
            "/v1/messages": {"post": _submit()},
            "/v1/messages/{id}": {"get": _read()},
            "/v1/quotes": {"post": _quote()},
        },
        "components": {
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "`bsk_…`, an API key."},
                "password": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "The account's id and its password; no password where its addresses suffice.",
                },
            },
            "schemas": _schemas(),
        },
    }


_DESCRIPTION: Final = (
    "Send text messages and ask what became of them. Errors are problem documents (RFC 9457); `code` is stable, "
    "texts are not. An unknown field is refused, never ignored."
)


def _submit() -> Json:
    return {
        "operationId": "sendMessages",
        "summary": "Send one text to 1-1,000 recipients",
        "description": "202 means that every message with an id is stored safely and will be sent, or that you will "
        "be told why not. After 503, or without an answer, some of them may have been taken: the same request with the "
        "same `Idempotency-Key` completes it and sends nothing twice. `valid_for` counts from the first try.",
        "parameters": [
            {
                "name": "dry_run",
                "in": "query",
                "description": "If true: the same answer, without ids, and nothing is sent.",
                "schema": {"type": "boolean", "default": False},
            },
            {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "Your name for this request, best a random one; not a number or a name of somebody. For "
                "72 hours a repeat with the same body, however its JSON is written, gets the same ids.",
                "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY, "pattern": "^[!-~]+$"},
                "example": "5f0c1e7a-7d0b-4c39-9f38-1a2b3c4d5e6f",
            },
        ],
        "requestBody": _body("SendBody", SEND_EXAMPLES),
        "responses": {
            "202": {
                **_json("A verdict on each recipient, in the order asked.", "Messages", _ACCEPTED_EXAMPLE),
                "headers": {
                    "Idempotency-Replayed": {
                        "description": "`true` when this very answer was given before; nothing was sent for it now.",
                        "schema": {"type": "string", "enum": ["true"]},
                    },
                    **_LIMIT_HEADERS,
                },
            },
            **_problems(
                Code.IDEMPOTENCY_KEY_REUSED,
                Code.RATE_LIMITED,
                *_BODY_PROBLEMS,
                Code.NOT_AVAILABLE,
                Code.NO_VALID_RECIPIENT,
                Code.ACCOUNT_SUSPENDED,
                Code.LANE_SUSPENDED,
                Code.SENDER_SUSPENDED,
                *_KEY_PROBLEMS,
            ),
        },
    }


def _read() -> Json:
    return {
        "operationId": "readMessage",
        "summary": "Read one message",
        "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}],
        "responses": {
            "200": _json("The message. The log adds more members than are listed here.", "MessageNow", _NOW_EXAMPLE),
            **_problems(Code.NOT_FOUND, *_KEY_PROBLEMS),
        },
    }


def _quote() -> Json:
    return {
        "operationId": "quote",
        "summary": "What a text would take",
        "requestBody": _body("QuoteBody", {"one": {"summary": "Unicode", "value": {"text": "Bună ș"}}}),
        "responses": {
            "200": _json("Parts, coding, and the characters that force Unicode.", "Quote", _QUOTE_EXAMPLE),
            **_problems(*_BODY_PROBLEMS, *_KEY_PROBLEMS),
        },
    }


def _body(name: str, examples: Mapping[str, Json]) -> Json:
    return {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": _REF.format(name=name)}, "examples": dict(examples)}},
    }


def _json(description: str, name: str, example: object) -> Json:
    return {
        "description": description,
        "content": {"application/json": {"schema": {"$ref": _REF.format(name=name)}, "example": example}},
    }


def _problems(*codes: Code) -> Json:
    """One response per status; each of its codes is described and has an example."""
    by_status: dict[int, list[Code]] = {}
    for code in sorted(codes, key=lambda code: KINDS[code].status):
        by_status.setdefault(KINDS[code].status, []).append(code)
    return {str(status): _problem(status, codes) for status, codes in by_status.items()}


def _problem(status: int, codes: Sequence[Code]) -> Json:
    response: Json = {
        "description": " ".join(f"`{code}`: {KINDS[code].meaning}" for code in codes),
        "content": {
            PROBLEM: {
                "schema": {"$ref": _REF.format(name="Problem")},
                "examples": {str(code): {"value": _problem_example(code)} for code in codes},
            }
        },
    }
    if status == KINDS[Code.UNAVAILABLE].status:
        response["headers"] = {"Retry-After": _RETRY_AFTER}
    if status == KINDS[Code.RATE_LIMITED].status:
        response["headers"] = {"Retry-After": _RETRY_AFTER, **_LIMIT_HEADERS}
    if status == KINDS[Code.UNAUTHORIZED].status:
        response["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}}}
    return response


def _problem_example(code: Code) -> Json:
    kind = KINDS[code]
    return {"type": f"urn:budstikke:error:{code}", "title": kind.title, "status": kind.status, "code": code.value}


def _schemas() -> Json:
    _, schemas = msgspec.json.schema_components(
        [SendBody, Messages, MessageNow, QuoteBody, Quote, Problem], ref_template=_REF
    )
    for name in _NOT_YET:
        del schemas["SendBody"]["properties"][name]
    return schemas
