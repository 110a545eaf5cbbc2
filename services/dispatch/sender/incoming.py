"""What a `deliver_sm` from a handset says: who to, who from, which text. Pure; nothing an operator sends raises."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from shared.contracts.inbound import InboundCoding, InboundId, PartOf
from shared.errors import Refused
from shared.smpp.constants import (
    ESM_CLASS_UDHI,
    SAR_MSG_REF_NUM,
    SAR_SEGMENT_SEQNUM,
    SAR_TOTAL_SEGMENTS,
    TON_INTERNATIONAL,
    USER_MESSAGE_REFERENCE,
)
from shared.smpp.pdu import DeliverSm
from shared.text import gsm
from shared.text.numbers import is_short_number, parse, parse_any

_ALPHABET_BITS: Final = 0x0C
_EIGHT_BIT: Final = 0x04
_UCS2: Final = 0x08
_LATIN1: Final = frozenset({0x01, 0x03})
_LONGEST_SHORT_NUMBER: Final = 6
_CONCATENATED: Final = {0x00: 1, 0x08: 2}
"""Information elements that join parts, by the octets of their reference (TS 23.040 section 9.2.3.24)."""


class Incoming(msgspec.Struct, frozen=True, gc=False):
    """A message from a handset. Numbers are E.164 where they can be, else as they came."""

    inbound_id: InboundId
    to: str
    from_: str
    content: str
    coding: InboundCoding
    part_of: PartOf | None

    def __repr__(self) -> str:
        return f"Incoming({self.inbound_id})"


def incoming(operator: str, link: str, pdu: DeliverSm) -> Incoming:
    """Read a `deliver_sm` that is no receipt."""
    header, octets = _divided(pdu)
    content, coding = _text(octets, pdu.data_coding)
    return Incoming(
        inbound_id=inbound_id_of(operator, link, pdu),
        to=_number(pdu.destination_addr, pdu.dest_addr_ton),
        from_=_number(pdu.source_addr, pdu.source_addr_ton),
        content=content,
        coding=coding,
        part_of=_part_of(header, pdu),
    )


def inbound_id_of(operator: str, link: str, pdu: DeliverSm) -> InboundId:
    """Same link, addresses, operator's time or reference, and content (header included): same id.

    Without a time and a reference a person who sends the same text twice within a day is taken for one who sent it
    once: operators deliver again what was not answered in time, and a charge must not follow twice.
    """
    digest = hashlib.blake2b(digest_size=16)
    for piece in (
        operator.encode(),
        link.encode(),
        pdu.source_addr,
        pdu.destination_addr,
        pdu.schedule_delivery_time,
        pdu.tlv(USER_MESSAGE_REFERENCE) or b"",
        bytes((pdu.data_coding, pdu.esm_class & ESM_CLASS_UDHI)),
        pdu.content,
        b"".join(pdu.tlv(tag) or b"" for tag in (SAR_MSG_REF_NUM, SAR_TOTAL_SEGMENTS, SAR_SEGMENT_SEQNUM)),
    ):
        digest.update(len(piece).to_bytes(4, "big") + piece)
    return InboundId(digest.hexdigest())


def _divided(pdu: DeliverSm) -> tuple[bytes, bytes]:
    """The user data header without its length, and what follows it. A header that is longer than all is content."""
    content = pdu.content
    if pdu.esm_class & ESM_CLASS_UDHI and content and content[0] < len(content):
        return content[1 : content[0] + 1], content[content[0] + 1 :]
    return b"", content


def _text(octets: bytes, data_coding: int) -> tuple[str, InboundCoding]:
    """SMPP 3.4 section 5.2.19 and TS 23.038 section 4. What is no text in its alphabet is kept as octets."""
    general = data_coding & ~0x10 if data_coding < 0x20 else data_coding
    try:
        if data_coding in _LATIN1:
            return octets.decode("latin-1"), InboundCoding.LATIN1
        if general == _UCS2:
            return octets.decode("utf-16-be"), InboundCoding.UCS2
        if general == 0 or (data_coding >= 0xF0 and not data_coding & _EIGHT_BIT):
            # Some operators write Latin-1 in what they call their default alphabet.
            if not octets.isascii():
                return octets.decode("latin-1"), InboundCoding.LATIN1
            return gsm.decode(octets), InboundCoding.GSM7
    except (UnicodeDecodeError, Refused):
        pass
    return octets.hex(), InboundCoding.BINARY


def _part_of(header: bytes, pdu: DeliverSm) -> PartOf | None:
    """Which part of a long message, by its header or by the TLVs that stand for one."""
    rest = header
    while len(rest) >= 2 and len(rest) >= 2 + rest[1]:
        element, body = rest[0], rest[2 : 2 + rest[1]]
        wide = _CONCATENATED.get(element)
        if wide is not None and len(body) == wide + 2:
            return _valid(int.from_bytes(body[:wide], "big"), body[wide + 1], body[wide])
        rest = rest[2 + rest[1] :]
    reference, total, number = (pdu.tlv(tag) for tag in (SAR_MSG_REF_NUM, SAR_TOTAL_SEGMENTS, SAR_SEGMENT_SEQNUM))
    if reference is None or total is None or number is None:
        return None
    return _valid(int.from_bytes(reference[:2], "big"), _octet(number), _octet(total))


def _octet(value: bytes) -> int:
    return value[0] if value else 0


def _valid(reference: int, part: int, parts: int) -> PartOf | None:
    """None for a message of one part, and for numbers that make no sense."""
    return PartOf(reference=reference, part=part, parts=parts) if parts > 1 and 1 <= part <= parts else None


def _number(octets: bytes, ton: int) -> str:
    raw = octets.decode("latin-1").strip()
    if raw.isascii() and raw.isdigit() and (is_short_number(raw) or len(raw) <= _LONGEST_SHORT_NUMBER):
        return raw
    full = f"+{raw}" if ton == TON_INTERNATIONAL and raw[:1].isdigit() else raw
    try:
        return parse(full, allow_m2m=True).number
    except Refused:
        pass
    try:
        return parse_any(full)
    except Refused:
        return raw
