"""Passwords of accounts: made by us, shown once, kept as scrypt hashes (R-104).

Checking one takes 32 MiB and about 0.1 s of a core, on purpose. So it happens in threads, two at a time, and a
password that was right is remembered, as a keyed hash, for as long as the account keeps it.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Final

from shared.errors import TryLater

_COST: Final = 1 << 15
_BLOCK: Final = 8
_PARALLEL: Final = 1
_MEMORY: Final = 64 << 20
_SALT_OCTETS: Final = 16
_SECRET_OCTETS: Final = 18
_NOBODYS: Final = f"scrypt${_COST}${_BLOCK}${_PARALLEL}${'A' * 22}==${'A' * 43}="
LONGEST: Final = 128
"""Characters; a longer one is wrong without a look."""


def new_password(random: Callable[[int], bytes]) -> str:
    """A password of 144 random bits, 24 characters. `random` gives that many unpredictable octets."""
    return b64encode(random(_SECRET_OCTETS), b"-_").decode()


def hash_password(password: str, random: Callable[[int], bytes]) -> str:
    """`scrypt$<cost>$<block>$<parallel>$<salt>$<hash>`: what is stored. Takes about 0.1 s."""
    salt = random(_SALT_OCTETS)
    digest = _scrypt(password, salt, _COST, _BLOCK, _PARALLEL)
    return "$".join(("scrypt", str(_COST), str(_BLOCK), str(_PARALLEL), _text(salt), _text(digest)))


def is_right(password: str, stored: str) -> bool:
    """Compare with what is stored. Takes about 0.1 s."""
    _, cost, block, parallel, salt, digest = stored.split("$")
    found = _scrypt(password, b64decode(salt), int(cost), int(block), int(parallel))
    return hmac.compare_digest(found, b64decode(digest))


class PasswordCheck:
    """Checks passwords off the event loop. At most `most_waiting` wait; who comes then is told to come again."""

    def __init__(self, *, at_once: int = 2, most_waiting: int = 16, size: int = 10_000) -> None:
        self._at_once = asyncio.Semaphore(at_once)
        self._most_waiting = most_waiting
        self._size = size
        self._waiting = 0
        self._pepper = secrets.token_bytes(32)
        self._right: dict[bytes, None] = {}

    def known(self, password: str, stored: str | None) -> bool:
        """Whether this very password was found right before, against this very hash."""
        return stored is not None and self._mark(password, stored) in self._right

    async def __call__(self, password: str, stored: str | None) -> bool:
        """Whether the password is right. Nobody's password (`stored` None) takes as long as a wrong one.

        Raises `TryLater` (`accounts_unavailable`) when too many wait.
        """
        if self.known(password, stored):
            return True
        if len(password) > LONGEST:
            return False
        if self._waiting >= self._most_waiting:
            raise TryLater("accounts_unavailable", "too many passwords are being checked")
        self._waiting += 1
        try:
            async with self._at_once:
                right = await asyncio.to_thread(is_right, password, stored or _NOBODYS)
        finally:
            self._waiting -= 1
        if not right or stored is None:
            return False
        if len(self._right) >= self._size:
            del self._right[next(iter(self._right))]
        self._right[self._mark(password, stored)] = None
        return True

    def _mark(self, password: str, stored: str) -> bytes:
        return hmac.digest(self._pepper, f"{stored}\n{password}".encode("utf-8", "surrogatepass"), "sha256")


def _scrypt(password: str, salt: bytes, cost: int, block: int, parallel: int) -> bytes:
    octets = password.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(octets, salt=salt, n=cost, r=block, p=parallel, maxmem=_MEMORY, dklen=32)


def _text(octets: bytes) -> str:
    return b64encode(octets).decode()
