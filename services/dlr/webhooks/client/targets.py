"""Where a webhook goes: an URL taken apart, or refused. Pure."""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import msgspec

from services.dlr.webhooks.client.addresses import may_reach
from shared.errors import Refused

MOST_CHARACTERS: Final = 2048

_PORTS: Final = {"http": 80, "https": 443}
_OPEN_PORTS: Final = frozenset({80, 443, 8080, 8443})
_HOST: Final = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*\.?\Z"
)
_LITERAL: Final = re.compile(r"[0-9.]+\Z|.*:")
_PATH: Final = re.compile(r"[!-~]*\Z")
_BASE: Final = re.compile(r"[^/?#]*//[^/?#]*")
_FIXED: Final = "user-agent: Budstikke\r\ncontent-type: application/json\r\n"


class Origin(NamedTuple):
    """What connections are shared by."""

    tls: bool
    host: str
    port: int


class Target(msgspec.Struct, frozen=True):
    """One endpoint as the client needs it. `head` is the request up to the headers that differ each time."""

    origin: Origin
    head: bytes


class Base(NamedTuple):
    """What stands in a URL before its path, judged; `shown` is the host header's value."""

    origin: Origin
    shown: str


class Targets:
    """Takes URLs apart. URLs of one origin begin alike: that part is judged once, and `size` of them are remembered."""

    def __init__(self, *, private: bool = False, size: int = 10_000) -> None:
        """`private` allows private addresses and all ports."""
        self._private = private
        self._size = size
        self._bases: dict[str, Base] = {}

    def parse(self, url: str) -> Target:
        """Raises `Refused` (`invalid_url`), which never quotes the URL.

        Refused are schemes other than http and https, user and password, fragments, white space, hosts that are not
        plain ASCII names or addresses, addresses that may not be reached, and ports other than 80, 443, 8080 and 8443.
        """
        if len(url) > MOST_CHARACTERS or _PATH.match(url) is None:
            raise _refused(f"must be at most {MOST_CHARACTERS} visible ASCII characters")
        match = _BASE.match(url)
        text = url if match is None else match[0]
        base = self._bases.get(text)
        if base is None:
            base = _judged(text, private=self._private)
            if len(self._bases) >= self._size:
                self._bases.clear()
            self._bases[text] = base
        rest, _, fragment = url[len(text) :].partition("#")
        if "\\" in rest:
            raise _refused("must hold no user and password")
        if fragment:
            raise _refused("must hold no fragment")
        path, _, query = rest.partition("?")
        line = f"{path or '/'}?{query}" if query else path or "/"
        head = f"POST {line} HTTP/1.1\r\nhost: {base.shown}\r\n{_FIXED}"
        return Target(base.origin, head.encode("ascii"))


def parse_target(url: str, *, private: bool = False) -> Target:
    """`Targets.parse` of one URL."""
    return Targets(private=private).parse(url)


def _judged(text: str, *, private: bool) -> Base:
    try:
        parts = urlsplit(text)
        port = parts.port
        host = (parts.hostname or "").lower()
    except ValueError:
        raise _refused("cannot be read") from None
    if parts.scheme not in _PORTS:
        raise _refused("must begin with https:// or http://")
    if "@" in parts.netloc or "\\" in text:
        raise _refused("must hold no user and password")
    literal = _LITERAL.match(host) is not None
    if literal and not may_reach(host, private=private):
        raise _refused("the address is not one that webhooks are sent to")
    if not literal and _HOST.match(host) is None:
        raise _refused("the host must be a name in ASCII, or an address")
    if port is None:
        port = _PORTS[parts.scheme]
    elif port == 0 or not (private or port in _OPEN_PORTS):
        raise _refused("the port must be 80, 443, 8080 or 8443")
    shown = f"[{host}]" if ":" in host else host
    if port != _PORTS[parts.scheme]:
        shown += f":{port}"
    return Base(Origin(parts.scheme == "https", host, port), shown)


def _refused(detail: str) -> Refused:
    return Refused("invalid_url", detail)
