"""The key store: one AES-256 key per account and period, destroyed to forget what it sealed.

`KeyStore` is the port (a file store on one machine, a KMS or Vault in production). Keys never lie in the same
backup as the data they protect.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import NewType, Protocol

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from shared.errors import BadSettings
from shared.ids import AccountId

Quarter = NewType("Quarter", int)
"""Quarters since the first of the year 2000: 105 is the second quarter of 2026."""

_KEY_BYTES = 32
_WRAPPED_BYTES = 40


def quarter_of(at: datetime) -> Quarter:
    """Quarter of an aware UTC time."""
    return Quarter((at.year - 2000) * 4 + (at.month - 1) // 3)


class KeyStore(Protocol):
    """Gives the key of an account and a period, and destroys it."""

    def sealing_key(self, account: AccountId, quarter: Quarter) -> bytes:
        """Key to seal with; made at first use. Two processes that ask at once get the same key."""
        ...

    def opening_key(self, account: AccountId, quarter: Quarter) -> bytes | None:
        """Key to open with, or None when it was destroyed (or never made): what it sealed is gone."""
        ...

    def pseudonym_key(self, account: AccountId, year: int) -> bytes:
        """Key for pseudonyms of that year; made at first use."""
        ...

    def destroy(self, account: AccountId, quarter: Quarter) -> None:
        """Destroy a quarter's key for ever. A repeat is nothing."""
        ...


class FileKeyStore:
    """Keys as files of 40 octets, wrapped (RFC 3394) by a master key that lies beside them with mode 600.

    Meant for one machine. File names carry account ids and periods only.
    """

    def __init__(self, directory: Path) -> None:
        """Open the store in `directory`, which is made with a new master key if it is absent."""
        self._directory = directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._master = _create_once(directory / "master", lambda: secrets.token_bytes(_KEY_BYTES))
        if len(self._master) != _KEY_BYTES:
            raise BadSettings("bad_key_store", "BUDSTIKKE_KEY_STORE holds a master key of the wrong length")

    def sealing_key(self, account: AccountId, quarter: Quarter) -> bytes:
        """Key to seal with; made at first use."""
        return self._make(account, f"q{quarter}")

    def opening_key(self, account: AccountId, quarter: Quarter) -> bytes | None:
        """Key to open with, or None when it was destroyed or never made."""
        try:
            wrapped = self._path(account, f"q{quarter}").read_bytes()
        except FileNotFoundError:
            return None
        return self._unwrap(wrapped)

    def pseudonym_key(self, account: AccountId, year: int) -> bytes:
        """Key for pseudonyms of that year; made at first use."""
        return self._make(account, f"p{year}")

    def destroy(self, account: AccountId, quarter: Quarter) -> None:
        """Delete the file of a quarter's key."""
        self._path(account, f"q{quarter}").unlink(missing_ok=True)

    def _make(self, account: AccountId, name: str) -> bytes:
        path = self._path(account, name)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        return self._unwrap(_create_once(path, lambda: aes_key_wrap(self._master, secrets.token_bytes(_KEY_BYTES))))

    def _unwrap(self, wrapped: bytes) -> bytes:
        try:
            return aes_key_unwrap(self._master, wrapped)
        except (InvalidUnwrap, ValueError) as error:
            raise BadSettings(
                "bad_key_store", "a key in BUDSTIKKE_KEY_STORE was not wrapped by the master key beside it"
            ) from error

    def _path(self, account: AccountId, name: str) -> Path:
        if not account.replace("-", "").replace("_", "").isalnum():
            raise ValueError("an account id holds letters, digits, - and _ only")
        return self._directory / account / f"{name}.key"


def _create_once(path: Path, content: Callable[[], bytes]) -> bytes:
    """Content of `path`; if it is absent, make it whole or not at all. The first of several writers wins."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        pass
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content())
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return path.read_bytes()
    finally:
        draft.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return path.read_bytes()
