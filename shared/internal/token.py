"""Tokens by which the front door vouches for a caller when it forwards a read to the owner of the data.

A token is `<claims>.<signature>`, both base64url without padding; HMAC-SHA-256 under a secret that only our services
hold. It lives for seconds and says which account asks, and for what.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from shared.errors import Refused
from shared.ids import AccountId

HEADER = "x-budstikke-internal"
ACTOR = "x-budstikke-actor"
"""The id of the key that asked, for audit; believed only beside a good token."""

LIFETIME = timedelta(seconds=30)


class Scope(StrEnum):
    """What a token allows."""

    READ = "read"
    MANAGE = "manage"
    FINANCE = "finance"
    """The books of all accounts, for a person of ours; the account in the claims is the gateway."""
    PRIVACY = "privacy"
    """Holds, periods, erasures and proof of all accounts, likewise."""


class Claims(msgspec.Struct, frozen=True):
    """Who asks, for what, until when (seconds since 1970)."""

    account_id: AccountId
    scope: Scope
    expires: float


def sign(secret: bytes, account: AccountId, scope: Scope, now: datetime) -> str:
    """A token that is good for `LIFETIME`."""
    claims = msgspec.json.encode(Claims(account_id=account, scope=scope, expires=(now + LIFETIME).timestamp()))
    return f"{_text(claims)}.{_text(hmac.digest(secret, claims, 'sha256'))}"


def verify(secret: bytes, token: str, now: datetime) -> Claims:
    """The claims of a good token. Raises `Refused` (`bad_internal_token`) for any other, without saying why."""
    claims, _, signature = token.partition(".")
    try:
        raw = _octets(claims)
        if hmac.compare_digest(_octets(signature), hmac.digest(secret, raw, "sha256")):
            decoded = msgspec.json.decode(raw, type=Claims)
            if now.timestamp() < decoded.expires:
                return decoded
    except (ValueError, msgspec.MsgspecError):
        pass
    raise Refused("bad_internal_token", "the internal token is missing, damaged or out of date")


def _text(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


def _octets(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
