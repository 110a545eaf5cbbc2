"""The user data header in front of a text (3GPP TS 23.040, 9.2.3.24), as far as a gateway acts on it.

Elements that nobody here acts on (ports, national language tables, enhanced messaging) are passed over; a header cut
short ends where it is cut. Nothing raises.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from shared.smpp.constants import SAR_MSG_REF_NUM, SAR_SEGMENT_SEQNUM, SAR_TOTAL_SEGMENTS
from shared.smpp.pdu import Tlvs, find_tlv

CONCATENATED: Final = 0x00
CONCATENATED_WIDE: Final = 0x08
_REFERENCE_OCTETS: Final = {CONCATENATED: 1, CONCATENATED_WIDE: 2}


class Place(msgspec.Struct, frozen=True):
    """Which part this is of how many; `reference` is the same in all of them. Parts count from 1."""

    reference: int
    total: int
    part: int


def divide(octets: bytes) -> tuple[bytes, bytes]:
    """The header without its length octet, and what follows it. A header longer than all there is is content."""
    if octets and octets[0] < len(octets):
        return octets[1 : octets[0] + 1], octets[octets[0] + 1 :]
    return b"", octets


def elements(header: bytes) -> Iterator[tuple[int, bytes]]:
    """Every whole information element: its identifier and its data."""
    at = 0
    while at + 2 <= len(header) and (end := at + 2 + header[at + 1]) <= len(header):
        yield header[at], header[at + 2 : end]
        at = end


def place_in_header(header: bytes) -> Place | None:
    """The place that a header tells, by an 8-bit or a 16-bit reference: the last that makes sense, as the standard has
    it for an element that is repeated. None for a message of one part.
    """
    place = None
    for identifier, data in elements(header):
        wide = _REFERENCE_OCTETS.get(identifier)
        if wide is not None and len(data) == wide + 2:
            place = _sensible(int.from_bytes(data[:wide], "big"), data[wide], data[wide + 1]) or place
    return place


def place_in_tlvs(tlvs: Tlvs) -> Place | None:
    """The place that the `sar_` TLVs tell (SMPP 3.4, 5.3.2.22 to 5.3.2.24); all three are needed."""
    reference, total, part = (find_tlv(tlvs, tag) for tag in (SAR_MSG_REF_NUM, SAR_TOTAL_SEGMENTS, SAR_SEGMENT_SEQNUM))
    if not reference or not total or not part:
        return None
    return _sensible(int.from_bytes(reference[:2], "big"), total[0], part[0])


def _sensible(reference: int, total: int, part: int) -> Place | None:
    return Place(reference, total, part) if total > 1 and 1 <= part <= total else None
