"""What the public document says of the calls that we make ourselves: its `webhooks`."""

from __future__ import annotations

from typing import Final

import msgspec

from services.dlr.webhooks.api import examples
from services.dlr.webhooks.delivery.payload import TEST, InboundData, MessageData, Payload, ProbeData
from shared.contracts.openapi.pieces import JSON, Json, parameter, schema
from shared.contracts.states import State

STRUCTS: Final = (MessageData, InboundData, ProbeData)

_HEADERS: Final = {
    "webhook-id": "`id` of the body.",
    "webhook-timestamp": "When this attempt was made: seconds since 1970.",
    "webhook-signature": "`v1,` and the Base64 of an HMAC-SHA-256 over `id.timestamp.body`; during a rotation several, "
    "with blanks between. Absent for callbacks of an account that made no secret for them.",
}
_ANSWERS: Final = {
    "2XX": "You have it.",
    "410": "Switch the endpoint off.",
    "429": "Later: `Retry-After` is honoured, as it is with 503.",
    "default": "It is tried again, for 24 hours.",
}


def webhooks() -> Json:
    """One path item per kind of call."""
    return {
        "messageStatus": _sent(
            "A message came to another state",
            "To an endpoint that wants the state; if it is final, to the `callback_url` of the message as well. It may "
            "come again under the same `webhook-id`, and in any order: `sequence` tells which is newer.",
            MessageData,
            [f"message.{state}" for state in State],
            examples.TOLD,
        ),
        "messageReceived": _sent(
            "Somebody wrote to a number or a keyword of yours",
            "To an endpoint whose `states` name `received`. It may come again under the same `webhook-id`.",
            InboundData,
            ["message.received"],
            examples.HEARD,
        ),
        "test": _sent(
            "A test that you asked for", "From `POST /v1/webhooks/{id}/test`.", ProbeData, [TEST], examples.PROBED
        ),
    }


def _sent(summary: str, description: str, data: type, kinds: list[str], example: Payload) -> Json:
    """Signature and time stand in headers, as Standard Webhooks have them."""
    properties = {
        "id": {"type": "string", "description": "The same in every repetition."},
        "type": {"type": "string", "enum": kinds},
        "created_at": {"type": "string", "format": "date-time"},
        "data": schema(data),
    }
    shape = {"type": "object", "properties": properties, "required": list(properties)}
    return {
        "post": {
            "summary": summary,
            "description": description,
            "tags": ["webhooks"],
            "security": [],
            "parameters": [parameter(name, "header", text, {"type": "string"}) for name, text in _HEADERS.items()],
            "requestBody": {
                "required": True,
                "content": {JSON: {"schema": shape, "example": msgspec.to_builtins(example)}},
            },
            "responses": {status: {"description": text} for status, text in _ANSWERS.items()},
        }
    }
