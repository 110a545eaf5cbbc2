"""From an order to the PDUs of its parts: SMPP 3.4 fields as a Norwegian SMSC expects them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Literal, TypeAlias

import msgspec
from msgspec.structs import replace

from shared.contracts.events import DispatchOrdered
from shared.errors import BadRecord
from shared.smpp.addresses import address
from shared.smpp.constants import MESSAGE_PAYLOAD, SAR_MSG_REF_NUM, SAR_SEGMENT_SEQNUM, SAR_TOTAL_SEGMENTS
from shared.smpp.pdu import SubmitSm
from shared.text.segments import Coding, Segments, reference_of, split

_UDHI = 0x40
_DEFAULT_ALPHABET = 0x00
_UCS2 = 0x08
_CLASS_0 = 0x10
_FINAL_RECEIPT = 0x01

LongMessages: TypeAlias = Literal["udh", "sar", "message_payload"]
"""How an operator takes a long message: in parts with a user data header, in parts whose place TLVs tell, or whole, to
be divided by the operator. What is charged is the same."""


class Part(msgspec.Struct, frozen=True):
    """One part, ready to submit. Parts count from 1. Without PDU its text or number was erased.

    `also` are further parts that the same PDU carries: what becomes of it becomes of them.
    """

    number: int
    pdu: SubmitSm | None
    also: tuple[int, ...] = ()

    @property
    def numbers(self) -> tuple[int, ...]:
        """Every part that the PDU carries."""
        return (self.number, *self.also)


def plan(order: DispatchOrdered, number: str, text: str, long_messages: LongMessages = "udh") -> Sequence[Part]:
    """The parts that the order asks for. A replay makes the same: the reference comes from the message id.

    An order that names parts, be it all of them, is carried out in parts, also where long messages go whole: it may
    have a copy at another operator, and the ledger tells the two apart part by part. Raises `Refused` for a sender, a
    number or a text that cannot be sent, or a part that the message has not.
    """
    message = order.message
    reference = reference_of(message.message_id)
    segments = split(text, reference)
    total = len(segments.parts)
    wanted = _wanted(order, total)
    coding = _UCS2 if segments.coding is Coding.UCS2 else _DEFAULT_ALPHABET
    source, destination = address(message.sender), address(number)
    plain = SubmitSm(
        source_addr_ton=source.ton,
        source_addr_npi=source.npi,
        source_addr=source.value,
        dest_addr_ton=destination.ton,
        dest_addr_npi=destination.npi,
        destination_addr=destination.value,
        validity_period=absolute_time(message.valid_until),
        registered_delivery=_FINAL_RECEIPT,
        data_coding=coding | (_CLASS_0 if message.flash else 0),
    )
    if _goes_whole(order, total, long_messages):
        text_octets = b"".join(part.payload for part in segments.parts)
        return [Part(1, replace(plain, tlvs=((MESSAGE_PAYLOAD, text_octets),)), _further(total))]
    with_tlvs = long_messages == "sar" and total > 1
    return [
        Part(position, (_with_tlvs if with_tlvs else _with_header)(plain, segments, position, reference))
        for position in range(1, total + 1)
        if position in wanted
    ]


def erased(order: DispatchOrdered, long_messages: LongMessages = "udh") -> Sequence[Part]:
    """The same parts, when what they held is gone."""
    total = order.message.parts
    wanted = _wanted(order, total)
    if _goes_whole(order, total, long_messages):
        return [Part(1, None, _further(total))]
    return [Part(position, None) for position in sorted(wanted)]


def _goes_whole(order: DispatchOrdered, total: int, long_messages: LongMessages) -> bool:
    return long_messages == "message_payload" and total > 1 and not order.parts


def _further(total: int) -> tuple[int, ...]:
    return tuple(range(2, total + 1))


def _with_header(plain: SubmitSm, segments: Segments, position: int, _: int) -> SubmitSm:
    part = segments.parts[position - 1]
    return replace(plain, esm_class=_UDHI if part.udh else 0, short_message=part.udh + part.payload)


def _with_tlvs(plain: SubmitSm, segments: Segments, position: int, reference: int) -> SubmitSm:
    """The reference fits eight bits here too: with sixteen, an operator that makes a header of it would have no room
    for a full part.
    """
    tlvs = (
        (SAR_MSG_REF_NUM, reference.to_bytes(2, "big")),
        (SAR_TOTAL_SEGMENTS, bytes((len(segments.parts),))),
        (SAR_SEGMENT_SEQNUM, bytes((position,))),
    )
    return replace(plain, short_message=segments.parts[position - 1].payload, tlvs=tlvs)


def _wanted(order: DispatchOrdered, count: int) -> Collection[int]:
    every = range(1, count + 1)
    if not order.parts:
        return every
    if not all(part in every for part in order.parts):
        raise BadRecord("no_such_part", f"the order names a part beyond the {count} of the message")
    return frozenset(order.parts)


def absolute_time(at: datetime) -> bytes:
    """SMPP's absolute time in UTC (7.1.1): `YYMMDDhhmmss`, tenths, quarter hours off UTC, `+`."""
    text = at.astimezone(UTC).isoformat()  # YYYY-MM-DDThh:mm:ss…; strftime takes three times as long
    return f"{text[2:4]}{text[5:7]}{text[8:10]}{text[11:13]}{text[14:16]}{text[17:19]}000+".encode()
