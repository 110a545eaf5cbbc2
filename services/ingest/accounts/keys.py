"""Keys: `bsk_<key id>_<secret>`. Only the SHA-256 of the secret is ever stored.

A key says by its beginning what it is for: `bsk_` an account's, `bsk_test_` an account's that sends tests only,
`bsk_staff_` a person's on our side. That is for people and for scanners of leaked secrets; what a key may do is what
is stored of it. A secret is 256 random bits, so a plain hash is as good as a slow one: there is nothing to guess.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable
from enum import StrEnum
from hashlib import sha256
from typing import Final, NewType

import msgspec

KeyId = NewType("KeyId", str)

_ID_OCTETS: Final = 8
_SECRET_OCTETS: Final = 32
_KEY: Final = re.compile(r"bsk_(?:(test|staff)_)?([0-9a-f]{16})_([A-Za-z0-9_-]{43})")


class KeyKind(StrEnum):
    """What stands between `bsk_` and the id."""

    ACCOUNT = ""
    TEST = "test"
    STAFF = "staff"


class Scope(StrEnum):
    """What an account's key may be used for. A key with `test` makes a test of everything that it sends."""

    SEND = "messages:send"
    READ = "messages:read"
    ADMIN = "admin"
    TEST = "test"


ALL_SCOPES: Final = frozenset({Scope.SEND, Scope.READ})
"""All that messages need."""


class PresentedKey(msgspec.Struct, frozen=True):
    """A key as a caller shows it, taken apart. `digest` is the SHA-256 of its secret."""

    key_id: KeyId
    digest: bytes
    kind: KeyKind = KeyKind.ACCOUNT


class NewKey(msgspec.Struct, frozen=True):
    """A key just made. `text` is shown once and kept nowhere; `repr` leaves it out."""

    key_id: KeyId
    digest: bytes
    text: str

    def __repr__(self) -> str:
        return f"NewKey(key_id={self.key_id!r})"


def make(random: Callable[[int], bytes], kind: KeyKind = KeyKind.ACCOUNT) -> NewKey:
    """A new key. `random` gives that many unpredictable octets (`secrets.token_bytes`)."""
    key_id = KeyId(random(_ID_OCTETS).hex())
    secret = urlsafe_b64encode(random(_SECRET_OCTETS)).rstrip(b"=")
    beginning = f"bsk_{kind}_" if kind else "bsk_"
    return NewKey(key_id=key_id, digest=sha256(secret).digest(), text=f"{beginning}{key_id}_{secret.decode()}")


def parse(text: str) -> PresentedKey | None:
    """Take a presented key apart; None when it does not have the form of one."""
    match = _KEY.fullmatch(text)
    if match is None:
        return None
    kind, key_id, secret = match.groups()
    return PresentedKey(KeyId(key_id), sha256(secret.encode()).digest(), KeyKind(kind) if kind else KeyKind.ACCOUNT)


def matches(presented: PresentedKey, stored: bytes) -> bool:
    """Compare with the stored digest, in a time that tells nothing."""
    return hmac.compare_digest(presented.digest, stored)
