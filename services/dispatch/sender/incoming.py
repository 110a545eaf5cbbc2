"""What a `deliver_sm` from a handset says: who to, who from, which text. Pure; nothing an operator sends raises."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from shared.contracts.inbound import InboundCoding, InboundId, PartOf
from shared.errors import Refused
from shared.smpp.codings import Alphabet, alphabet, read, unpack
from shared.smpp.constants import (
    ESM_CLASS_UDHI,
    SAR_MSG_REF_NUM,
    SAR_SEGMENT_SEQNUM,
    SAR_TOTAL_SEGMENTS,
    TON_INTERNATIONAL,
    USER_MESSAGE_REFERENCE,
)
from shared.smpp.pdu import DeliverSm
from shared.smpp.udh import divide, place_in_header, place_in_tlvs
from shared.text.numbers import is_short_number, parse, parse_any

_LONGEST_SHORT_NUMBER: Final = 6


class Reading(msgspec.Struct, frozen=True):
    """How an operator writes: what it means by `data_coding` 1, and whether it packs septets into octets."""

    ia5: Alphabet = Alphabet.GSM7
    packed: bool = False


class Incoming(msgspec.Struct, frozen=True, gc=False):
    """A message from a handset, or a part of one. Numbers are E.164 where they can be, else as they came.

    `content` is text, or octets in hex: of a part always, for a character may be cut in two.
    """

    inbound_id: InboundId
    to: str
    from_: str
    content: str
    coding: InboundCoding
    part_of: PartOf | None

    def __repr__(self) -> str:
        return f"Incoming({self.inbound_id})"


def incoming(operator: str, link: str, pdu: DeliverSm, reading: Reading) -> Incoming:
    """Read a `deliver_sm` that is no receipt."""
    header, octets = divide(pdu.content) if pdu.esm_class & ESM_CLASS_UDHI else (b"", pdu.content)
    place = place_in_header(header) or place_in_tlvs(pdu.tlvs)
    written = alphabet(pdu.data_coding, ia5=reading.ia5)
    if reading.packed and written is Alphabet.GSM7:
        octets = unpack(octets, len(pdu.content) - len(octets))
    content, found = read(octets, written) if place is None else (octets.hex(), written)
    return Incoming(
        inbound_id=inbound_id_of(operator, link, pdu),
        to=_number(pdu.destination_addr, pdu.dest_addr_ton),
        from_=_number(pdu.source_addr, pdu.source_addr_ton),
        content=content,
        coding=InboundCoding(found),
        part_of=None if place is None else PartOf(reference=place.reference, part=place.part, parts=place.total),
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
