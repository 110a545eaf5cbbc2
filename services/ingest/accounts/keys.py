"""API keys: `bsk_<key id>_<secret>`. Only the SHA-256 of the secret is ever stored.

A secret is 256 random bits, so a plain hash is as good as a slow one: there is nothing to guess.
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
_KEY: Final = re.compile(r"bsk_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")


class Scope(StrEnum):
    """What a key may be used for."""

    SEND = "messages:send"
    READ = "messages:read"


ALL_SCOPES: Final = frozenset(Scope)


class PresentedKey(msgspec.Struct, frozen=True):
    """A key as a caller shows it, taken apart. `digest` is the SHA-256 of its secret."""

    key_id: KeyId
    digest: bytes


class NewKey(msgspec.Struct, frozen=True):
    """A key just made. `text` is shown once and kept nowhere; `repr` leaves it out."""

    key_id: KeyId
    digest: bytes
    text: str

    def __repr__(self) -> str:
        return f"NewKey(key_id={self.key_id!r})"


def make(random: Callable[[int], bytes]) -> NewKey:
    """A new key. `random` gives that many unpredictable octets (`secrets.token_bytes`)."""
    key_id = KeyId(random(_ID_OCTETS).hex())
    secret = urlsafe_b64encode(random(_SECRET_OCTETS)).rstrip(b"=")
    return NewKey(key_id=key_id, digest=sha256(secret).digest(), text=f"bsk_{key_id}_{secret.decode()}")


def parse(text: str) -> PresentedKey | None:
    """Take a presented key apart; None when it does not have the form of one."""
    match = _KEY.fullmatch(text)
    if match is None:
        return None
    return PresentedKey(key_id=KeyId(match[1]), digest=sha256(match[2].encode()).digest())


def matches(presented: PresentedKey, stored: bytes) -> bool:
    """Compare with the stored digest, in a time that tells nothing."""
    return hmac.compare_digest(presented.digest, stored)
