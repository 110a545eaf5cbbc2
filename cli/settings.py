"""Which gateway to speak to, and as whom: options, else the environment, else `var/local.env` of the checkout.

The key itself is never an argument: arguments stand in the list of processes for everybody to read.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import httpx
import msgspec

from cli.exits import Exit, Failure

LOCAL_FILE: Final = Path(__file__).resolve().parent.parent / "var/local.env"

API: Final = "BUDSTIKKE_API"
KEY: Final = "BUDSTIKKE_KEY"
KEY_FILE: Final = "BUDSTIKKE_KEY_FILE"

_HIGHEST_PORT: Final = 65_535


class Access(msgspec.Struct, frozen=True):
    """The address of a gateway and a key for it. `repr` leaves the key out."""

    api: str
    key: str

    def __repr__(self) -> str:
        return f"Access(api={self.api!r})"


def find_access(
    api: str | None, key_file: Path | None, environment: Mapping[str, str], local_file: Path = LOCAL_FILE
) -> Access:
    """Address and key. Raises `Failure` (usage) that says what to set.

    A key of the local file is for the local gateway: it is shown to no other address.
    """
    local = _read_local(local_file)
    local_api = local.get(API)
    address = api or environment.get(API) or local_api
    if not address:
        raise Failure(
            Exit.USAGE, f"no gateway: give --api URL, set {API}, or start one here (`make run` writes var/local.env)"
        )
    if not _is_address(address):
        raise Failure(Exit.USAGE, "the gateway's address must look like https://host or http://127.0.0.1:8080")
    sources = [environment, local] if address == local_api else [environment]
    key = _read_key(key_file) if key_file else next(filter(None, map(_key_of, sources)), None)
    if not key:
        raise Failure(Exit.USAGE, f"no API key: give --key-file FILE, or set {KEY} or {KEY_FILE}")
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise Failure(Exit.USAGE, "the API key holds characters that no key has")
    return Access(api=address.rstrip("/"), key=key)


def _is_address(text: str) -> bool:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        return False
    plain = not (url.query or url.fragment or url.userinfo)
    return url.scheme in ("http", "https") and bool(url.host) and (url.port or 1) <= _HIGHEST_PORT and plain


def _key_of(source: Mapping[str, str]) -> str | None:
    if source.get(KEY):
        return source[KEY].strip()
    return _read_key(Path(source[KEY_FILE])) if source.get(KEY_FILE) else None


def _read_key(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise Failure(Exit.USAGE, f"the key file {path} cannot be read: {reason}") from None


def _read_local(path: Path) -> dict[str, str]:
    """`KEY=VALUE` lines; others are none of ours. An absent file is an empty one."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, value in pairs}
