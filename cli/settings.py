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
STAFF_KEY: Final = "BUDSTIKKE_STAFF_KEY"
STAFF_KEY_FILE: Final = "BUDSTIKKE_STAFF_KEY_FILE"

_HIGHEST_PORT: Final = 65_535


class KeyNames(msgspec.Struct, frozen=True):
    """What a kind of key is called, and the variables that hold it or name its file."""

    called: str
    key: str
    key_file: str


ACCOUNT: Final = KeyNames("API key", KEY, KEY_FILE)
STAFF: Final = KeyNames("staff key", STAFF_KEY, STAFF_KEY_FILE)


class Access(msgspec.Struct, frozen=True):
    """The address of a gateway and a key for it. `repr` leaves the key out."""

    api: str
    key: str

    def __repr__(self) -> str:
        return f"Access(api={self.api!r})"


def find_access(
    api: str | None,
    key_file: Path | None,
    environment: Mapping[str, str],
    local_file: Path = LOCAL_FILE,
    names: KeyNames = ACCOUNT,
) -> Access:
    """Address and key. Raises `Failure` (usage) that says what to set.

    A key of the local file is for the local gateway: it is shown to no other address.
    """
    local = _read_local(local_file)
    local_api = local.get(API)
    address = api or environment.get(API) or local_api
    if not address:
        raise Failure(
            Exit.USAGE,
            f"no gateway: give --api URL, set and export {API}, or start one here (`make run` writes var/local.env)",
        )
    if not _is_address(address):
        raise Failure(Exit.USAGE, "the gateway's address must look like https://host or http://127.0.0.1:8080")
    sources = [environment, local] if address == local_api else [environment]
    key = _read_key(key_file) if key_file else next(filter(None, (_key_of(one, names) for one in sources)), None)
    if not key:
        raise Failure(Exit.USAGE, f"no {names.called}: give --key-file FILE, or set {names.key} or {names.key_file}")
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise Failure(Exit.USAGE, f"the {names.called} holds characters that no key has")
    return Access(api=address.rstrip("/"), key=key)


def _is_address(text: str) -> bool:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        return False
    plain = not (url.query or url.fragment or url.userinfo)
    return url.scheme in ("http", "https") and bool(url.host) and (url.port or 1) <= _HIGHEST_PORT and plain


def _key_of(source: Mapping[str, str], names: KeyNames) -> str | None:
    if source.get(names.key):
        return source[names.key].strip()
    return _read_key(Path(source[names.key_file])) if source.get(names.key_file) else None


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
