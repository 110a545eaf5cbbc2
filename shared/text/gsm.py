"""The GSM 7-bit default alphabet and its extension table (3GPP TS 23.038, formerly GSM 03.38).

Encoded text here is *unpacked*: one octet per septet, 0x00-0x7F, and a character of the extension table is the pair
0x1B xx. Packing into 140 octets is the operator's business behind SMPP.
"""

from __future__ import annotations

import codecs
import re
from typing import Final

from shared.errors import Refused
from shared.text.codes import TextCode

ESCAPE: Final = 0x1B

_DEFAULT: Final = (
    "@£$¥èéùìòÇ\nØø\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)  # TS 23.038 section 6.2.1
_EXTENSION: Final = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}  # TS 23.038 section 6.2.1.1

# Both tables as one 8-bit code page: the default alphabet at its own codes, the extension table 0x80 higher. Encoding
# 222 characters takes 0.9 us through a code page, 3.2 by `str.translate`. Python is that fast only where code 0 is
# U+0000: hence "@" stands at 0x80 when encoding.
_HIGH: Final = 0x80
_UNDEFINED: Final = "\ufffe"


def _code_page(at_zero: str, at_high_zero: str, at_escape: str) -> str:
    high = {_HIGH: at_high_zero} | {_HIGH + code: character for code, character in _EXTENSION.items()}
    low = at_zero + _DEFAULT[1:ESCAPE] + at_escape + _DEFAULT[ESCAPE + 1 :]
    return low + "".join(high.get(code, _UNDEFINED) for code in range(_HIGH, 0x100))


_ENCODING: Final = codecs.charmap_build(_code_page("\0", "@", _UNDEFINED))
_DECODING: Final = _code_page("@", _UNDEFINED, _UNDEFINED)
_EXTENDED: Final = bytes(_HIGH + code for code in _EXTENSION)
_EXPANSIONS: Final = (
    (bytes([_HIGH]), b"\x00"),
    *((bytes([_HIGH + code]), bytes([ESCAPE, code])) for code in _EXTENSION),
)
_ESCAPED: Final = re.compile(rb"\x1b([\x00-\x7f]?)")
_DELETE_GSM: Final = dict.fromkeys(
    ord(character) for character in _DEFAULT + "".join(_EXTENSION.values()) if ord(character) != ESCAPE
)


def encode(text: str) -> bytes:
    """The unpacked septets of `text`.

    Raises `Refused`: `escape_in_text` for U+001B, which is no character of the alphabet but its escape;
    `not_gsm` for any other character outside it.
    """
    page = _page(text)
    if page is None:
        if "\x1b" in text:
            raise Refused(TextCode.ESCAPE_IN_TEXT, "the text holds U+001B")
        raise Refused(TextCode.NOT_GSM, f"{len(foreign(text))} different characters are outside the GSM alphabet")
    for code, octets in _EXPANSIONS:
        page = page.replace(code, octets)
    return page


def decode(octets: bytes) -> str:
    """The text of unpacked septets.

    ESC ESC is a space, and ESC before a code that the extension table leaves empty is that code's character in the
    default alphabet (TS 23.038 section 6.2.1.1). Raises `Refused` (`invalid_septets`) for an octet above 0x7F and for
    an ESC at the end.
    """
    if not octets.isascii():
        raise Refused(TextCode.INVALID_SEPTETS, "an octet above 0x7F is no septet")
    if ESCAPE in octets:
        octets = _ESCAPED.sub(_unescape, octets)
    return codecs.charmap_decode(octets, "strict", _DECODING)[0]


def septets(text: str) -> int | None:
    """How many septets `text` takes, an escape pair being two; None when a character is outside the alphabet."""
    page = _page(text)
    if page is None:
        return None
    return 2 * len(page) - len(page.translate(None, _EXTENDED))


def foreign(text: str) -> tuple[str, ...]:
    """The different characters that force UCS-2, in the order of their first appearance; U+001B counts as one."""
    return tuple(dict.fromkeys(text.translate(_DELETE_GSM)))


def _page(text: str) -> bytes | None:
    """`text` in our code page, one octet per character; None when a character is outside the alphabet."""
    try:
        page = codecs.charmap_encode(text, "strict", _ENCODING)[0]
    except UnicodeEncodeError:
        return None
    return None if 0 in page else page


def _unescape(pair: re.Match[bytes]) -> bytes:
    """One octet of the code page for an escape pair."""
    if not pair[1]:
        raise Refused(TextCode.INVALID_SEPTETS, "the last octet is an ESC that escapes nothing")
    code = pair[1][0]
    if code == ESCAPE:
        return b" "
    return bytes([_HIGH + code]) if code in _EXTENSION else pair[1]
