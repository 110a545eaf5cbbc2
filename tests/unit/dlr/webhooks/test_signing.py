"""Signatures, read by a verifier that is not ours."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.dlr.webhooks.signing import headers, key_of, new_secret

standardwebhooks = pytest.importorskip("standardwebhooks")

BODY = '{"id":"a:1","data":{"text":"æøå"}}'.encode()


def secret(octet: bytes) -> str:
    return new_secret(lambda count: octet * count)


def now() -> datetime:
    """A whole second of the clock on the wall: the verifier takes no other."""
    return datetime.now(UTC).replace(microsecond=0)


def lines(signed: bytes) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in signed.decode().splitlines())


def verify(of: str, signed: dict[str, str], body: bytes = BODY) -> None:
    standardwebhooks.Webhook(of).verify(body, signed)


def test_an_existing_verifier_accepts_it() -> None:
    signed = lines(headers("a:1", int(now().timestamp()), BODY, [key_of(secret(b"a"))]))
    assert signed["webhook-id"] == "a:1"
    verify(secret(b"a"), signed)


def test_it_is_the_signature_that_the_verifiers_own_hand_makes() -> None:
    at = now()
    signed = lines(headers("a:1", int(at.timestamp()), BODY, [key_of(secret(b"a"))]))
    theirs = standardwebhooks.Webhook(secret(b"a")).sign(msg_id="a:1", timestamp=at, data=BODY.decode())
    assert signed["webhook-signature"] == theirs


def test_during_a_rotation_both_secrets_verify() -> None:
    old, new = secret(b"a"), secret(b"b")
    signed = lines(headers("a:1", int(now().timestamp()), BODY, [key_of(new), key_of(old)]))
    assert signed["webhook-signature"].count("v1,") == 2
    verify(old, signed)
    verify(new, signed)


@pytest.mark.parametrize("change", ["secret", "body", "id"])
def test_nothing_else_verifies(change: str) -> None:
    signed = lines(headers("a:1", int(now().timestamp()), BODY, [key_of(secret(b"a"))]))
    if change == "id":
        signed["webhook-id"] = "a:2"
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        verify(secret(b"b" if change == "secret" else b"a"), signed, BODY + b" " if change == "body" else BODY)


def test_without_a_secret_there_is_an_id_and_no_signature() -> None:
    assert lines(headers("a:1", 7, BODY, [])) == {"webhook-id": "a:1", "webhook-timestamp": "7"}
