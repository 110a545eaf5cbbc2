"""Seal and open single fields: AES-256-GCM under the account's key of the quarter.

A sealed field is `version (1) | quarter (2, big-endian) | nonce (12) | ciphertext and tag`. Account, subject (the
message id) and field name are bound as associated data, so that a sealed value cannot be moved to another place.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from datetime import UTC, datetime
from typing import Final, NewType

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.clock import Clock
from shared.errors import BadRecord
from shared.ids import AccountId
from shared.privacy.keys import KeyStore, Quarter, quarter_of

Sealed = NewType("Sealed", bytes)

TIMELESS: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""When something is sealed that lives as long as its account: keys of quarters are destroyed as time goes by, this one
with the account.
"""

_VERSION = b"\x01"
_HEAD = 3
_NONCE = 12
_TAG = 16


class Erased:
    """What a field says when its key was destroyed. A value, not an error: replays go on."""

    def __repr__(self) -> str:
        return "<erased>"


ERASED: Final = Erased()
TAKEN_OUT: Final = Sealed(b"\x00erased")
"""What stands where a sealed value stood, once a person was erased: it opens as `ERASED`."""


class Sealer:
    """Seals and opens with cached keys.

    A key is cached for `ttl` seconds, so after the destruction of a key every process has forgotten it within that
    time. At most `size` keys are cached.
    """

    def __init__(self, store: KeyStore, clock: Clock, *, ttl: float = 300.0, size: int = 10_000) -> None:
        self._store = store
        self._clock = clock
        self._ttl = ttl
        self._size = size
        self._ciphers: OrderedDict[tuple[AccountId, Quarter], tuple[float, AESGCM]] = OrderedDict()

    def seal(self, account: AccountId, subject: str, field: str, text: str, at: datetime) -> Sealed:
        """Seal a text under the account's key of the quarter of `at`."""
        quarter = quarter_of(at)
        cipher = self._cached(account, quarter)
        if cipher is None:
            cipher = self._remember(account, quarter, self._store.sealing_key(account, quarter))
        nonce = os.urandom(_NONCE)
        data = cipher.encrypt(nonce, text.encode(), f"{account}|{subject}|{field}".encode())
        return Sealed(_VERSION + quarter.to_bytes(2, "big") + nonce + data)

    def open(self, account: AccountId, subject: str, field: str, sealed: Sealed) -> str | Erased:
        """Open a sealed field.

        Returns `ERASED` when the key is gone, or the value was taken out. Raises `BadRecord` (`bad_seal`)
        when the value was damaged, or was sealed for another account, subject or field.
        """
        if sealed == TAKEN_OUT:
            return ERASED
        if sealed[:1] != _VERSION or len(sealed) < _HEAD + _NONCE + _TAG:
            raise BadRecord("bad_seal", f"the field {field} is not a sealed value")
        quarter = Quarter(int.from_bytes(sealed[1:_HEAD], "big"))
        cipher = self._cached(account, quarter)
        if cipher is None:
            key = self._store.opening_key(account, quarter)
            if key is None:
                return ERASED
            cipher = self._remember(account, quarter, key)
        nonce, data = sealed[_HEAD : _HEAD + _NONCE], sealed[_HEAD + _NONCE :]
        try:
            return cipher.decrypt(nonce, data, f"{account}|{subject}|{field}".encode()).decode()
        except InvalidTag:
            raise BadRecord("bad_seal", f"the field {field} does not open under its account's key") from None

    def _cached(self, account: AccountId, quarter: Quarter) -> AESGCM | None:
        entry = self._ciphers.get((account, quarter))
        if entry is None or self._clock.monotonic() > entry[0]:
            return None
        return entry[1]

    def _remember(self, account: AccountId, quarter: Quarter, key: bytes) -> AESGCM:
        cipher = AESGCM(key)
        self._ciphers.pop((account, quarter), None)
        while len(self._ciphers) >= self._size:
            self._ciphers.popitem(last=False)
        self._ciphers[account, quarter] = (self._clock.monotonic() + self._ttl, cipher)
        return cipher
