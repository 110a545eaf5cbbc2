"""Webhooks are believed when an independent implementation of the scheme signed them, and else not."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime

import pytest
from budstikke_client import BadSignature, Webhook
from standardwebhooks import Webhook as Oracle

SECRET = "whsec_" + b64encode(bytes(range(32))).decode()
OTHER = "whsec_" + b64encode(bytes(32)).decode()
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BODY = json.dumps(
    {"id": "e1", "type": "message.delivered", "created_at": "2026-03-01T12:00:00Z", "data": {"id": "m1", "new": 1}}
)


def headers(secret: str = SECRET, at: datetime = NOW, body: str = BODY) -> dict[str, str]:
    return {
        "Webhook-Id": "e1",
        "Webhook-Timestamp": str(int(at.timestamp())),
        "Webhook-Signature": Oracle(secret).sign("e1", at, body),
    }


def webhook(*secrets: str) -> Webhook:
    return Webhook(*(secrets or (SECRET,)), now=NOW.timestamp)


def test_a_good_one_is_an_event() -> None:
    event = webhook().verify(headers(), BODY.encode())
    assert (event.id, event.type, event.data["id"]) == ("e1", "message.delivered", "m1")
    assert event.created_at == NOW


def test_during_a_rotation_either_secret_will_do() -> None:
    assert webhook(OTHER, SECRET).verify(headers(), BODY.encode()).id == "e1"
    both = headers()
    both["Webhook-Signature"] = f"{headers(OTHER)['Webhook-Signature']} {both['Webhook-Signature']}"
    assert webhook().verify(both, BODY.encode()).id == "e1"


@pytest.mark.parametrize("seconds", [-301, 301])
def test_one_of_another_time_is_not_believed(seconds: int) -> None:
    at = datetime.fromtimestamp(NOW.timestamp() + seconds, UTC)
    with pytest.raises(BadSignature, match="timestamp"):
        webhook().verify(headers(at=at), BODY.encode())


@pytest.mark.parametrize("missing", ["Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"])
def test_one_without_a_header_is_not_believed(missing: str) -> None:
    given = headers()
    del given[missing]
    with pytest.raises(BadSignature, match="missing"):
        webhook().verify(given, BODY.encode())


def test_another_body_id_or_secret_is_not_believed() -> None:
    for given, body in (
        (headers(), BODY.replace("m1", "m2")),
        ({**headers(), "Webhook-Id": "e2"}, BODY),
        (headers(OTHER), BODY),
        ({**headers(), "Webhook-Signature": "v1,æøå"}, BODY),
        ({**headers(), "Webhook-Timestamp": "now"}, BODY),
    ):
        with pytest.raises(BadSignature):
            webhook().verify(given, body.encode())


@pytest.mark.parametrize("body", ["", "[]", "{}", BODY.replace("created_at", "at"), BODY.replace("2026-03-01T", "")])
def test_what_is_signed_and_no_event_is_not_believed(body: str) -> None:
    with pytest.raises(BadSignature, match="no event"):
        webhook().verify(headers(body=body), body.encode())


@pytest.mark.parametrize(
    "secrets", [(), ("whsec_!",), ("",), ("whsec_",), (SECRET, ""), ("whsec_" + b64encode(bytes(23)).decode(),)]
)
def test_a_secret_that_is_none_is_an_error_at_once(secrets: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="secret"):
        Webhook(*secrets)
