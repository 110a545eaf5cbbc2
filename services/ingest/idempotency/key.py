"""Idempotency keys: the caller's name for one request, good for 72 hours within its account. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Final, NewType

import msgspec

from shared.errors import Refused
from shared.ids import AccountId

IdempotencyKey = NewType("IdempotencyKey", str)
RowId = NewType("RowId", str)

LONGEST: Final = 128

_VISIBLE: Final = re.compile(rb"[!-~]{1,%d}" % LONGEST)
_ROW_DIGITS: Final = 32

_encode: Final = msgspec.json.Encoder(order="sorted").encode


def read_key(values: Sequence[bytes]) -> IdempotencyKey:
    """The key that the header's values give. Raises `Refused` (`invalid_idempotency_key`), which never quotes it."""
    if len(values) != 1:
        raise Refused("invalid_idempotency_key", "the header is given more than once")
    if _VISIBLE.fullmatch(values[0]) is None:
        raise Refused("invalid_idempotency_key", f"must be 1 to {LONGEST} visible ASCII characters")
    return IdempotencyKey(values[0].decode("ascii"))


def row_id(account_id: AccountId, key: IdempotencyKey) -> RowId:
    """Under which the store keeps it. The key itself is never stored: people put into it what they should not."""
    return RowId(f"{account_id}:{sha256(f'{account_id}|{key}'.encode()).hexdigest()[:_ROW_DIGITS]}")


def fingerprint(body: bytes) -> str:
    """SHA-256 of a JSON body in one form: members sorted, without white space, each character in one way.

    A member left out and one given with its default are two bodies: so a default that changes alters no fingerprint.
    Raises `msgspec.DecodeError` for what is no JSON.
    """
    return sha256(_encode(msgspec.json.decode(body))).hexdigest()
