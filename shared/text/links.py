"""Links in a text, as whoever taps on it gets them: scheme or not, disguised or not.

Links are looked for after NFKC normalisation and removal of invisible characters, with the usual disguises undone:
`hxxp`, `dnb[.]no`, `dnb(dot)no`, the ideographic full stop. A word with a dot is a link when it has a scheme, a user,
`www.`, a path or a port, or when it ends in a top-level domain that handsets make links of
(`shared.text.domains`). `kl.12`, `f.eks.` and `Hei.Velkommen` are none.

Costs 0.3 µs without a dot, 5 to 15 µs with some, where `linkify-it-py` takes 33 to 120: what screening may spend on a
message altogether is 125.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

from shared.errors import Refused
from shared.text.domains import SHARED, TOP_LEVEL


class DomainCode(StrEnum):
    """What is wrong with a domain."""

    INVALID = "invalid_domain"


_SINGLE: Final = (0x00AD, 0x034F, 0x061C, 0x180E, 0xFEFF)
_RANGES: Final = ((0x200B, 0x2010), (0x202A, 0x202F), (0x2060, 0x2070), (0xFE00, 0xFE10))
_INVISIBLE: Final = dict.fromkeys([*_SINGLE, *(point for ends in _RANGES for point in range(*ends))])
_DOTS: Final = dict.fromkeys((0x3002, 0xFF0E, 0xFF61, 0x2024), ".")
_DISGUISED_DOT: Final = re.compile(r"\s*[\[({<]\s*(?:\.|dot|punktum)\s*[\])}>]\s*", re.IGNORECASE)
_DISGUISED_SCHEME: Final = re.compile(r"\bh(?:xx|tt|\*\*)p(s?)\s*(?:\[:\]|:)\s*[/\\]{2}", re.IGNORECASE)
_CANDIDATE: Final = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]{1,15}://)?"
    r"(?P<user>[\w.+%-]{1,64}(?::[^\s/@]{0,64})?@)?"
    r"(?P<host>\[[0-9a-f:.]{2,45}\]|(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W_](?:[\w-]{0,61}[^\W_])?)\.?"
    r"(?P<tail>:[0-9]{1,5}(?![0-9])|[/?#][^\s]?)?",
    re.IGNORECASE,
)
_DOMAIN: Final = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")


def hosts(text: str) -> frozenset[str]:
    """The hosts of all links in a text: lower case, IDN in its ASCII form, without `www.` and a closing dot."""
    plain = text if text.isascii() else _plain(text)
    if any(bracket in plain for bracket in "[({<"):
        plain = _DISGUISED_DOT.sub(".", plain)
    if "." not in plain and "://" not in plain:
        return frozenset()
    plain = _DISGUISED_SCHEME.sub(r"http\1://", plain)
    # A word without a dot inside is none, and most are: the expression is the slow part.
    words = [word for word in plain.split() if "." in word[:-1] or "://" in word]
    return frozenset(
        [host for word in words for found in _CANDIDATE.finditer(word) if (host := _host(found)) is not None]
    )


def is_approved(host: str, domains: frozenset[str]) -> bool:
    """Whether a host is one of these domains or lies below one."""
    while host:
        if host in domains:
            return True
        _, _, host = host.partition(".")
    return False


def parse_domain(raw: str) -> str:
    """A domain that may be approved: as `hosts` writes it, with at least two labels, and one owner.

    Raises `Refused` (`invalid_domain`) for what is no domain, for an address, and for a name under which anybody can
    have one of his own (`kommune.no`, a shortener, a host of web pages).
    """
    text = unicodedata.normalize("NFKC", raw).strip().lower().rstrip(".")
    name = _ascii(text.removeprefix("www."))
    if name is None or len(name) > 253 or not _DOMAIN.fullmatch(name):
        raise Refused(DomainCode.INVALID, "is no name of a domain, such as example.no")
    if name in SHARED:
        raise Refused(DomainCode.INVALID, "is a name under which anybody can have one of his own")
    return name


def _plain(text: str) -> str:
    """The text as it is read: one form of each character, nothing invisible, every kind of dot a dot."""
    return unicodedata.normalize("NFKC", text).translate(_INVISIBLE).translate(_DOTS)


def _host(found: re.Match[str]) -> str | None:
    """The host of a candidate that is a link, else None."""
    raw = found["host"].lower()
    name = raw.removeprefix("www.")
    certain = found["scheme"] is not None or found["tail"] is not None or name != raw
    if raw.startswith("["):
        return raw.strip("[]") if found["scheme"] is not None else None
    last = name.rpartition(".")[2]
    if last.isdecimal():
        # Four numbers between dots are an address; a date or an amount is not, whatever stands behind it.
        return name if _is_address(name) and (certain or name.count(".") == 3) else None
    if not certain and found["user"] is not None:
        return None
    if certain or last in TOP_LEVEL or last.startswith("xn--"):
        return _ascii(name)
    return None


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=4096)
def _ascii(name: str) -> str | None:
    """The name with its labels as the resolver wants them; None when no name can be so."""
    if name.isascii():
        return name
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError:
        return None
