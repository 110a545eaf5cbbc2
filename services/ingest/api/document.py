"""The public document, OpenAPI 3.1: the door's own calls, and the parts of the services that it passes calls on to.

Schemas come from the structs that the code decodes and encodes with. What the door itself refuses a call with stands
beside what its owner does.
"""

from __future__ import annotations

from typing import Any, Final

from services.ingest.accounts.keys import Scope
from services.ingest.api import examples
from services.ingest.api.drafting import NOT_AVAILABLE
from services.ingest.api.messages import Cancelled, MessageNow, Messages, Quote, QuoteBody, SendBody
from services.ingest.api.premium_document import REFUSALS as PREMIUM_REFUSALS
from services.ingest.api.premium_document import SCHEMAS as PREMIUM_SCHEMAS
from services.ingest.api.premium_document import premium_paths
from services.ingest.api.problems import KINDS, RETRY_SECONDS, Code
from services.ingest.idempotency.key import LONGEST as LONGEST_KEY
from shared.contracts.openapi.parts import added, parts
from shared.contracts.openapi.pieces import JSON, Json, given, joined, parameter, refused, schema, schemas, taken

_DESCRIPTION: Final = (
    "Send text messages and ask what became of them. Errors are problem documents (RFC 9457); `code` is stable, "
    "texts are not. An unknown field is refused, never ignored."
)
_OF_KEYS: Final = (Code.UNAUTHORIZED, Code.SCOPE_MISSING, Code.UNAVAILABLE, Code.INTERNAL_ERROR)
_OF_BODIES: Final = (Code.BODY_TOO_LARGE, Code.UNSUPPORTED_MEDIA_TYPE, Code.INVALID_JSON, Code.INVALID_REQUEST)

_RETRY_AFTER: Final = {
    "Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}, "example": RETRY_SECONDS}
}
_LIMITS: Final = {
    name: {"description": description, "schema": {"type": "integer"}, "example": example}
    for name, description, example in (
        ("RateLimit-Limit", "Messages, or parts if those are scarcer, that may be sent at once.", 10_000),
        ("RateLimit-Remaining", "How many of them are left, as far as is known here.", 9_999),
        ("RateLimit-Reset", "Seconds until all are there again.", 1),
    )
}
_REPLAYED: Final = {
    "Idempotency-Replayed": {
        "description": "`true` when this very answer was given before; nothing was sent for it now.",
        "schema": {"type": "string", "enum": ["true"]},
    }
}
_IDEMPOTENCY_KEY: Final = parameter(
    "Idempotency-Key",
    "header",
    "Your name for this request, best a random one; not a number or a name of somebody. For 72 hours a repeat with the "
    "same body, however its JSON is written, gets the same ids.",
    {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY, "pattern": "^[!-~]+$"},
    example="5f0c1e7a-7d0b-4c39-9f38-1a2b3c4d5e6f",
)
_HEADERS: Final[dict[str, Json]] = {
    "401": {"WWW-Authenticate": {"description": "The ways in.", "schema": {"type": "string"}}},
    "429": {**_RETRY_AFTER, **_LIMITS},
    "503": _RETRY_AFTER,
}
"""Of refusals, by status."""


def document(title: str, version: str) -> Json:
    """The whole document. Raises `ValueError` when parts do not fit together."""
    whole: Json = {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, "description": _DESCRIPTION},
        "security": [{"key": []}, {"password": []}],
        "paths": {
            "/v1/messages": {"post": _submit()},
            "/v1/quotes": {"post": _quote()},
            **premium_paths(_ordering),
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
    for part in parts():
        added(whole, {**part, "paths": {path: _passed_on(calls) for path, calls in part["paths"].items()}})
    one = whole["paths"]["/v1/messages/{id}"]
    _young(one["get"])
    one["delete"] = _cancel(one["get"]["parameters"])
    whole["paths"] |= {
        "/openapi.json": {"get": _served("readDocument", "This document", JSON, {"type": "object"})},
        "/docs": {"get": _served("readPage", "This document as a page", "text/html", {"type": "string"})},
    }
    return whole


def _submit() -> Json:
    return {
        "operationId": "sendMessages",
        "summary": "Send one text to 1-1,000 recipients",
        "description": "202 means that every message with an id is stored safely and will be sent, or that you will "
        "be told why not. After 503, or without an answer, some of them may have been taken: the same request with the "
        "same `Idempotency-Key` completes it and sends nothing twice. `valid_for` counts from the first try. "
        f"Refused as `not_available`: {'; '.join(f'`{name}` ({why})' for name, why in NOT_AVAILABLE.items())}.",
        "tags": ["messages"],
        "security": _needs(Scope.SEND),
        "parameters": [
            parameter(
                "dry_run",
                "query",
                "If true: the same answer, without ids, and nothing is sent. Which characters force Unicode says "
                "`POST /v1/quotes`.",
                {"type": "boolean", "default": False},
            ),
            _IDEMPOTENCY_KEY,
        ],
        "requestBody": taken(SendBody, examples.SEND),
        "responses": {
            "202": {
                **given("A verdict on each recipient, in the order asked.", Messages, examples.ACCEPTED),
                "headers": {**_REPLAYED, **_LIMITS},
            },
            **_refused(
                Code.IDEMPOTENCY_KEY_REUSED,
                Code.RATE_LIMITED,
                *_OF_BODIES,
                Code.NOT_AVAILABLE,
                Code.NO_VALID_RECIPIENT,
                Code.ACCOUNT_SUSPENDED,
                Code.LANE_SUSPENDED,
                Code.SENDER_SUSPENDED,
                *_OF_KEYS,
            ),
        },
        "callbacks": {"finalState": {"{$request.body#/callback_url}": {"$ref": "#/webhooks/messageStatus"}}},
    }


def _quote() -> Json:
    return {
        "operationId": "quote",
        "summary": "What a text would take",
        "tags": ["messages"],
        "security": _needs(Scope.SEND),
        "requestBody": taken(QuoteBody, examples.QUOTE),
        "responses": {
            "200": given("Parts, coding, and the characters that force Unicode.", Quote, examples.QUOTED),
            **_refused(*_OF_BODIES, *_OF_KEYS),
        },
    }


def _cancel(parameters: list[Json]) -> Json:
    return {
        "operationId": "cancelMessage",
        "summary": "Cancel a message that is held or scheduled",
        "description": "200 means that it will not be sent; the message log, and webhooks for `cancelled`, say so a "
        "moment later. A repeat changes nothing. 503 with `message_moving` means that it is not decided yet whether "
        "the message waits, as long as it is `accepted`: ask again.",
        "tags": ["messages"],
        "security": _needs(Scope.SEND),
        "parameters": parameters,
        "responses": {
            "200": given("It will not be sent.", Cancelled, Cancelled(examples.ID)),
            **_refused(Code.NOT_FOUND, Code.NOT_CANCELLABLE, *_OF_KEYS),
        },
    }


def _ordering(operation_id: str, summary: str, body: Json, answer: Json) -> Json:
    """A call that orders a premium transaction."""
    return {
        "operationId": operation_id,
        "summary": summary,
        "description": "202 means that the order is stored safely. After 503, or without an answer, it may have been "
        "taken: the same request with the same `Idempotency-Key` is the same transaction, and nobody pays twice. "
        "A charge with `consent_ref` must have one.",
        "tags": ["premium"],
        "security": _needs(Scope.SEND),
        "parameters": [_IDEMPOTENCY_KEY],
        "requestBody": body,
        "responses": {
            "202": {**answer, "headers": {**_REPLAYED, **_LIMITS}},
            **_refused(*PREMIUM_REFUSALS, *_OF_BODIES, *_OF_KEYS),
        },
    }


def _served(operation_id: str, summary: str, media: str, shape: Json) -> Json:
    return {
        "operationId": operation_id,
        "summary": summary,
        "tags": ["documentation"],
        "security": [],
        "responses": {"200": {"description": "It is the same for everybody.", "content": {media: {"schema": shape}}}},
    }


def _passed_on(calls: Json) -> Json:
    """What an owner says of a path, as it is at the door."""
    told = {}
    for method, call in calls.items():
        codes = (*_OF_KEYS, *(_OF_BODIES if "requestBody" in call else ()))
        responses = joined(call["responses"], refused({code: KINDS[code] for code in codes}))
        scope = Scope.READ if method == "get" else Scope.ADMIN
        told[method] = {**call, "security": _needs(scope), "responses": _with_headers(responses)}
    return told


def _young(call: Json) -> None:
    """A message that the log does not have yet is told by the door that took it, in fewer words."""
    call["description"] = (
        "For about 300 ms after its 202, longer while the log is behind, a message may be `not_found`: of several "
        "processes behind this address only the one that took it knows it already. Ask again before you believe it."
    )
    content = call["responses"]["200"]["content"][JSON]
    content["schema"] = {"anyOf": [content["schema"], schema(MessageNow)]}
    content["examples"] = {
        "known": {"summary": "The message", "value": content.pop("example")},
        "young": {"summary": "In its first moments, before the log has it", "value": examples.NOW},
    }


def _needs(scope: Scope) -> list[Json]:
    """A key with this scope; or a password, which is good for all that messages need."""
    return [{"key": [scope.value]}, {"password": [scope.value]}]


def _refused(*codes: Code) -> Json:
    return _with_headers(refused({code: KINDS[code] for code in codes}))


def _with_headers(responses: Json) -> Json:
    return {
        status: {**response, "headers": _HEADERS[status]} if status in _HEADERS else response
        for status, response in responses.items()
    }


def _schemas() -> dict[str, Any]:
    described = schemas([SendBody, Messages, MessageNow, Cancelled, QuoteBody, Quote, *PREMIUM_SCHEMAS])
    for name in NOT_AVAILABLE:
        del described["SendBody"]["properties"][name]
    return described
