"""Pseudonyms of numbers: keyed, per account and year, so that one can search without knowing.

An unkeyed hash of a Norwegian mobile number is undone in seconds; HMAC-SHA-256 under a key of its own per account
and year is not, and becomes unlinkable when that key is destroyed. Only E.164 goes in, else one person gets two.
"""

from __future__ import annotations

import hmac
from datetime import datetime

from shared.ids import AccountId
from shared.privacy.keys import KeyStore

_OCTETS = 16


class Pseudonyms:
    """Makes pseudonyms of the form `<year>:<32 hex digits>`."""

    def __init__(self, store: KeyStore) -> None:
        self._store = store
        self._keys: dict[tuple[AccountId, int], bytes] = {}

    def of(self, account: AccountId, number: str, at: datetime) -> str:
        """Pseudonym of an E.164 number for an account, under the key of the year of `at`."""
        return self.in_year(account, number, at.year)

    def in_year(self, account: AccountId, number: str, year: int) -> str:
        """Pseudonym under the key of one year, to search what was written then."""
        key = self._keys.get((account, year))
        if key is None:
            key = self._keys[account, year] = self._store.pseudonym_key(account, year)
        return f"{year}:{hmac.digest(key, number.encode(), 'sha256')[:_OCTETS].hex()}"


def year_of(pseudonym: str) -> int:
    """The year of the key that a pseudonym was made under."""
    return int(pseudonym.partition(":")[0])
