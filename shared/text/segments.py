"""The coding of a text and its division into parts (3GPP TS 23.038, TS 23.040 section 9.2.3.24; R-28, R-29).

A single part holds 160 septets or 70 UTF-16 units, each of several 153 or 67. The number of parts is not length
divided by size: an escape pair and a surrogate pair stay in one part, so parts may end one unit early. `measure` and
`split` cut in the same place, so what is charged is what is sent.

An empty text is one GSM-7 part of no units: a legal short message that an operator would charge. Refusing it is for
the doors.
"""

from __future__ import annotations

from enum import StrEnum
from itertools import pairwise
from typing import Final

import msgspec

from shared.errors import Refused
from shared.text import gsm
from shared.text.codes import TextCode

MOST_PARTS: Final = 255
"""The part count is one octet of the concatenation header."""


class Coding(StrEnum):
    """How a text is coded for the radio."""

    GSM7 = "gsm7"
    UCS2 = "ucs2"


class Measure(msgspec.Struct, frozen=True):
    """What a text costs: `units` are septets (GSM-7) or UTF-16 code units (UCS-2), without headers."""

    coding: Coding
    units: int
    parts: int


class Part(msgspec.Struct, frozen=True):
    """One SMS. `payload` is unpacked septets or UTF-16BE; `udh`, with its length octet, is empty for a single part."""

    udh: bytes
    payload: bytes


class Segments(msgspec.Struct, frozen=True):
    """A text ready for an operator: at least one part, in order."""

    coding: Coding
    parts: tuple[Part, ...]


class _Sizes(msgspec.Struct, frozen=True):
    """Octets of payload in a single part, in each of several, and the same with a 16-bit reference."""

    single: int
    each: int
    each_wide: int


_SIZES: Final = {Coding.GSM7: _Sizes(160, 153, 152), Coding.UCS2: _Sizes(140, 134, 132)}


def measure(text: str) -> Measure:
    """Coding, units and parts of `text`, without building the parts.

    Parts are those of an 8-bit reference, whatever an operator's quirk makes of them. Raises `Refused`:
    `escape_in_text`, `lone_surrogate`, or `too_many_parts` beyond 255.
    """
    septets = gsm.septets(text)
    if septets is None:
        octets = _utf16(text)
        return Measure(Coding.UCS2, len(octets) // 2, _count(Coding.UCS2, octets))
    sizes = _SIZES[Coding.GSM7]
    if septets <= sizes.single:
        return Measure(Coding.GSM7, septets, 1)
    return Measure(Coding.GSM7, septets, _count(Coding.GSM7, gsm.encode(text)))


def check(text: str, *, allow_unicode: bool, max_parts: int) -> Measure:
    """`measure`, for a door that sets limits.

    Raises `Refused` as `measure` does, and also: `unicode_not_allowed` when a character forces UCS-2 (which ones:
    `gsm.foreign`), `too_many_parts` above `max_parts`.
    """
    measured = measure(text)
    if measured.coding is Coding.UCS2 and not allow_unicode:
        count = len(gsm.foreign(text))
        raise Refused(TextCode.UNICODE_NOT_ALLOWED, f"{count} different characters force Unicode, which is not allowed")
    if measured.parts > max_parts:
        raise _too_many(measured.parts, max_parts)
    return measured


def split(text: str, reference: int, *, wide_reference: bool = False) -> Segments:
    """The parts of `text`, each of several with a concatenation header that carries `reference` (0-255).

    `wide_reference` is an operator's quirk: references 0-65535 in parts of 152 septets or 66 units, which can be more
    parts than `measure` counts and the customer pays. Raises `Refused` as `measure` does, and `invalid_reference`.
    """
    if not 0 <= reference <= (0xFFFF if wide_reference else 0xFF):
        raise Refused(TextCode.INVALID_REFERENCE, f"the reference does not fit {16 if wide_reference else 8} bits")
    coding = Coding.UCS2 if gsm.septets(text) is None else Coding.GSM7
    octets = gsm.encode(text) if coding is Coding.GSM7 else _utf16(text)
    sizes = _SIZES[coding]
    if len(octets) <= sizes.single:
        return Segments(coding, (Part(b"", octets),))
    ends = _ends(coding, octets, sizes.each_wide if wide_reference else sizes.each)
    total = len(ends)
    if total > MOST_PARTS:
        raise _too_many(total, MOST_PARTS)
    header = b"\x06\x08\x04" + reference.to_bytes(2, "big") if wide_reference else bytes((5, 0, 3, reference))
    parts = tuple(
        Part(header + bytes((total, sequence)), octets[start:end])
        for sequence, (start, end) in enumerate(pairwise((0, *ends)), 1)
    )
    return Segments(coding, parts)


def reference_of(message_id: str, *, wide: bool = False) -> int:
    """The concatenation reference of a message, 8 bits or 16: the same at every replay.

    `message_id` is a UUID as text. Its last 16 bits choose the partition, and so are alike in messages of one flush:
    the reference is taken from the bits just before them.
    """
    return int(message_id[-8 if wide else -6 : -4], 16)


def _utf16(text: str) -> bytes:
    """`text` in UTF-16BE, which is UCS-2 with surrogate pairs; raises `Refused` for what may not be sent at all."""
    if "\x1b" in text:
        raise Refused(TextCode.ESCAPE_IN_TEXT, "the text holds U+001B")
    try:
        return text.encode("utf-16-be")
    except UnicodeEncodeError:
        raise Refused(TextCode.LONE_SURROGATE, "the text holds half of a surrogate pair") from None


def _count(coding: Coding, octets: bytes) -> int:
    sizes = _SIZES[coding]
    if len(octets) <= sizes.single:
        return 1
    parts = len(_ends(coding, octets, sizes.each))
    if parts > MOST_PARTS:
        raise _too_many(parts, MOST_PARTS)
    return parts


def _ends(coding: Coding, octets: bytes, size: int) -> list[int]:
    """Where each payload of at most `size` octets ends; a pair that would be cut begins the next one."""
    ends = []
    end = 0
    while (end := end + size) < len(octets):
        if coding is Coding.GSM7:
            # `gsm.encode` writes no ESC ESC, so an ESC here always opens a pair.
            end -= octets[end - 1] == gsm.ESCAPE
        elif 0xD8 <= octets[end - 2] <= 0xDB:
            end -= 2
        ends.append(end)
    return [*ends, len(octets)]


def _too_many(parts: int, limit: int) -> Refused:
    return Refused(TextCode.TOO_MANY_PARTS, f"the text takes {parts} parts; {limit} are allowed")
