"""The key store: one AES-256 key per account and period, destroyed to forget what it sealed.

`KeyStore` is the port (a file store on one machine, a KMS or Vault in production). Keys never lie in the same
backup as the data they protect.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final, NewType, Protocol

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from shared.errors import BadSettings, Refused
from shared.ids import AccountId

Quarter = NewType("Quarter", int)
"""Quarters since the first of the year 2000: 105 is the second quarter of 2026."""

TIMELESS: Final = Quarter(0)
"""Of no time: what lives as long as its account is sealed in it (`sealing.TIMELESS`)."""

_KEY_BYTES = 32
_WRAPPED_BYTES = 40


def quarter_of(at: datetime) -> Quarter:
    """Quarter of an aware UTC time."""
    return Quarter((at.year - 2000) * 4 + (at.month - 1) // 3)


class KeyStore(Protocol):
    """Gives the key of an account and a period, and destroys it."""

    def sealing_key(self, account: AccountId, quarter: Quarter) -> bytes:
        """Key to seal with; made at first use. Two processes that ask at once get the same key.

        Raises `Refused` (`key_destroyed`) for ever after `destroy`: a new key would not open what the old one sealed.
        """
        ...

    def opening_key(self, account: AccountId, quarter: Quarter) -> bytes | None:
        """Key to open with, or None when it was destroyed (or never made): what it sealed is gone."""
        ...

    def pseudonym_key(self, account: AccountId, year: int) -> bytes:
        """Key for pseudonyms of that year; made at first use."""
        ...

    def pseudonym_years(self, account: AccountId) -> tuple[int, ...]:
        """The years of which the account has a key for pseudonyms: under these a person may be known."""
        ...

    def quarters(self, account: AccountId) -> Mapping[Quarter, bool]:
        """The quarters for which the account ever had a key, and whether it has it still."""
        ...

    def destroy(self, account: AccountId, quarter: Quarter) -> None:
        """Destroy a quarter's key for ever. A repeat is nothing."""
        ...


class FileKeyStore:
    """Keys as files of 40 octets, wrapped (RFC 3394) by a master key that lies beside them with mode 600.

    Meant for one machine. File names carry account ids and periods only. A destroyed key leaves an empty file, so
    that it is never made again.
    """

    def __init__(self, directory: Path) -> None:
        """Open the store in `directory`, which is made with a new master key if it is absent.

        Raises `BadSettings` when it cannot be used.
        """
        self._directory = directory
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._master = _create_once(directory / "master", lambda: secrets.token_bytes(_KEY_BYTES))
        except OSError as error:
            raise BadSettings("bad_key_store", f"BUDSTIKKE_KEY_STORE cannot be used ({error.strerror})") from None
        if len(self._master) != _KEY_BYTES:
            raise BadSettings("bad_key_store", "BUDSTIKKE_KEY_STORE holds a master key of the wrong length")

    def sealing_key(self, account: AccountId, quarter: Quarter) -> bytes:
        """Key to seal with; made at first use. Raises `Refused` (`key_destroyed`)."""
        return self._make(account, f"q{quarter}")

    def opening_key(self, account: AccountId, quarter: Quarter) -> bytes | None:
        """Key to open with, or None when it was destroyed or never made."""
        try:
            wrapped = self._path(account, f"q{quarter}").read_bytes()
        except FileNotFoundError:
            return None
        return self._unwrap(wrapped) if wrapped else None

    def pseudonym_key(self, account: AccountId, year: int) -> bytes:
        """Key for pseudonyms of that year; made at first use."""
        return self._make(account, f"p{year}")

    def pseudonym_years(self, account: AccountId) -> tuple[int, ...]:
        """The years of which the account has a key for pseudonyms."""
        folder = self._path(account, "p").parent
        return tuple(sorted(int(path.stem[1:]) for path in folder.glob("p[0-9][0-9][0-9][0-9].key")))

    def quarters(self, account: AccountId) -> Mapping[Quarter, bool]:
        """The quarters that have a file, and whether a key is in it."""
        found = self._path(account, "q").parent.glob("q*.key")
        return {Quarter(int(path.stem[1:])): path.stat().st_size > 0 for path in sorted(found)}

    def destroy(self, account: AccountId, quarter: Quarter) -> None:
        """Put an empty file in the place of a quarter's key, also where there was none."""
        path = self._path(account, f"q{quarter}")
        path.parent.mkdir(mode=0o700, exist_ok=True)
        draft = _write_draft(path, b"")
        draft.replace(path)
        _sync(path.parent)
        _sync(self._directory)

    def _make(self, account: AccountId, name: str) -> bytes:
        path = self._path(account, name)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        wrapped = _create_once(path, lambda: aes_key_wrap(self._master, secrets.token_bytes(_KEY_BYTES)))
        if not wrapped:
            raise Refused("key_destroyed", "the key of this account and period was destroyed")
        return self._unwrap(wrapped)

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
    draft = _write_draft(path, content())
    try:
        os.link(draft, path)
    except FileExistsError:
        return path.read_bytes()
    finally:
        draft.unlink(missing_ok=True)
    _sync(path.parent)
    _sync(path.parent.parent)
    return path.read_bytes()


def _write_draft(path: Path, content: bytes) -> Path:
    """A file beside `path`, readable by its owner alone, with its content on the disk."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return draft


def _sync(folder: Path) -> None:
    """Names made or removed in a folder outlive a loss of power only after this."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
