"""Pseudonyms of numbers: keyed, per account and year, so that one can search without knowing.

An unkeyed hash of a Norwegian mobile number is undone in seconds; HMAC-SHA-256 under a key of its own per account
and year is not, and becomes unlinkable when that key is destroyed. Only E.164 goes in, else one person gets two.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import Final

from shared.ids import AccountId
from shared.privacy.keys import KeyStore

_OCTETS: Final = 16
_BLOCK: Final = 64
_INNER: Final = bytes(octet ^ 0x36 for octet in range(256))
_OUTER: Final = bytes(octet ^ 0x5C for octet in range(256))


class _Mac:
    """HMAC-SHA-256 (RFC 2104) under one key of at most 64 octets, of which the key's part is done once: a third of the
    time that `hmac.digest` takes, which OpenSSL looks up anew each time (1.7 µs, 5.4).
    """

    def __init__(self, key: bytes) -> None:
        block = key.ljust(_BLOCK, b"\0")
        self._inner, self._outer = sha256(block.translate(_INNER)), sha256(block.translate(_OUTER))

    def digest(self, content: bytes) -> bytes:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(content)
        outer.update(inner.digest())
        return outer.digest()


class Pseudonyms:
    """Makes pseudonyms of the form `<year>:<32 hex digits>`."""

    def __init__(self, store: KeyStore) -> None:
        self._store = store
        self._macs: dict[tuple[AccountId, int], _Mac] = {}

    def of(self, account: AccountId, number: str, at: datetime) -> str:
        """Pseudonym of an E.164 number for an account, under the key of the year of `at`."""
        return self.in_year(account, number, at.year)

    def in_year(self, account: AccountId, number: str, year: int) -> str:
        """Pseudonym under the key of one year, to search what was written then."""
        mac = self._macs.get((account, year))
        if mac is None:
            mac = self._macs[account, year] = _Mac(self._store.pseudonym_key(account, year))
        return f"{year}:{mac.digest(number.encode())[:_OCTETS].hex()}"


def year_of(pseudonym: str) -> int:
    """The year of the key that a pseudonym was made under."""
    return int(pseudonym.partition(":")[0])
