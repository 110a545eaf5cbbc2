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


class Origin(NamedTuple):
    """What connections are shared by."""

    tls: bool
    host: str
    port: int


class Target(msgspec.Struct, frozen=True):
    """One endpoint as the client needs it. `head` is the request up to the headers that differ each time."""

    origin: Origin
    head: bytes


def parse_target(url: str, *, private: bool = False) -> Target:
    """Raises `Refused` (`invalid_url`), which never quotes the URL.

    Refused are schemes other than http and https, user and password, fragments, white space, hosts that are not plain
    ASCII names or addresses, addresses that may not be reached, and ports other than 80, 443, 8080 and 8443.
    `private` allows private addresses and all ports.
    """
    if len(url) > MOST_CHARACTERS or _PATH.match(url) is None:
        raise _refused(f"must be at most {MOST_CHARACTERS} visible ASCII characters")
    try:
        parts = urlsplit(url)
        port = parts.port
        host = (parts.hostname or "").lower()
    except ValueError:
        raise _refused("cannot be read") from None
    if parts.scheme not in _PORTS:
        raise _refused("must begin with https:// or http://")
    if "@" in parts.netloc or "\\" in url:
        raise _refused("must hold no user and password")
    if parts.fragment:
        raise _refused("must hold no fragment")
    literal = _LITERAL.match(host) is not None
    if literal and not may_reach(host, private=private):
        raise _refused("the address is not one that webhooks are sent to")
    if not literal and _HOST.match(host) is None:
        raise _refused("the host must be a name in ASCII, or an address")
    if port is None:
        port = _PORTS[parts.scheme]
    elif port == 0 or not (private or port in _OPEN_PORTS):
        raise _refused("the port must be 80, 443, 8080 or 8443")
    path = parts.path or "/"
    if parts.query:
        path += f"?{parts.query}"
    shown = f"[{host}]" if ":" in host else host
    if port != _PORTS[parts.scheme]:
        shown += f":{port}"
    head = f"POST {path} HTTP/1.1\r\nhost: {shown}\r\nuser-agent: Budstikke\r\ncontent-type: application/json\r\n"
    return Target(Origin(parts.scheme == "https", host, port), head.encode("ascii"))


def _refused(detail: str) -> Refused:
    return Refused("invalid_url", detail)
