"""Keys: made, taken apart, compared; the secret shows nowhere."""

from __future__ import annotations

import secrets
from hashlib import sha256

import pytest

from services.ingest.accounts.keys import make, matches, parse


def test_a_key_taken_apart_matches_what_is_stored_of_it() -> None:
    key = make(secrets.token_bytes)
    presented = parse(key.text)
    assert presented is not None
    assert presented.key_id == key.key_id
    assert matches(presented, key.digest)


def test_what_is_stored_is_the_hash_of_256_bits() -> None:
    key = make(secrets.token_bytes)
    secret = key.text.split("_", 2)[2]
    assert key.digest == sha256(secret.encode()).digest()
    assert len(secret) == 43


def test_another_secret_does_not_match() -> None:
    one, other = make(secrets.token_bytes), make(secrets.token_bytes)
    presented = parse(one.text)
    assert presented is not None
    assert not matches(presented, other.digest)


def test_the_text_of_a_key_is_not_in_its_repr() -> None:
    key = make(secrets.token_bytes)
    assert key.text.split("_", 2)[2] not in repr(key)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "",
        lambda text: text + "\n",
        lambda text: " " + text,
        lambda text: text[:-1],
        lambda text: text + "A",
        lambda text: text.upper(),
        lambda text: text.replace("bsk", "abc"),
        lambda text: text[:-1] + "=",
        lambda text: text[:-1] + "æ",
    ],
)
def test_what_has_not_the_form_of_a_key_is_none(change: object) -> None:
    assert callable(change)
    assert parse(change(make(secrets.token_bytes).text)) is None
