"""From an order to the PDUs of its parts: SMPP 3.4 fields as a Norwegian SMSC expects them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from shared.contracts.events import DispatchOrdered
from shared.errors import BadRecord
from shared.smpp.addresses import address
from shared.smpp.pdu import SubmitSm
from shared.text.segments import Coding, reference_of, split

_UDHI = 0x40
_DEFAULT_ALPHABET = 0x00
_UCS2 = 0x08
_CLASS_0 = 0x10
_FINAL_RECEIPT = 0x01


class Part(msgspec.Struct, frozen=True):
    """One part, ready to submit. Parts count from 1. Without PDU its text or number was erased."""

    number: int
    pdu: SubmitSm | None


def plan(order: DispatchOrdered, number: str, text: str) -> Sequence[Part]:
    """The parts that the order asks for. A replay makes the same: the reference comes from the message id.

    Raises `Refused` for a sender, a number or a text that cannot be sent, or a part that the message has not.
    """
    message = order.message
    segments = split(text, reference_of(message.message_id))
    wanted = _wanted(order, len(segments.parts))
    coding = _UCS2 if segments.coding is Coding.UCS2 else _DEFAULT_ALPHABET
    source, destination = address(message.sender), address(number)
    validity = absolute_time(message.valid_until)
    return [
        Part(
            position,
            SubmitSm(
                source_addr_ton=source.ton,
                source_addr_npi=source.npi,
                source_addr=source.value,
                dest_addr_ton=destination.ton,
                dest_addr_npi=destination.npi,
                destination_addr=destination.value,
                esm_class=_UDHI if part.udh else 0,
                validity_period=validity,
                registered_delivery=_FINAL_RECEIPT,
                data_coding=coding | (_CLASS_0 if message.flash else 0),
                short_message=part.udh + part.payload,
            ),
        )
        for position, part in enumerate(segments.parts, 1)
        if position in wanted
    ]


def erased(order: DispatchOrdered) -> Sequence[Part]:
    """The same parts, when what they held is gone."""
    return [Part(position, None) for position in sorted(_wanted(order, order.message.parts))]


def _wanted(order: DispatchOrdered, count: int) -> frozenset[int]:
    every = frozenset(range(1, count + 1))
    if not every.issuperset(order.parts):
        raise BadRecord("no_such_part", f"the order names a part beyond the {count} of the message")
    return frozenset(order.parts) or every


def absolute_time(at: datetime) -> bytes:
    """SMPP's absolute time in UTC (7.1.1): `YYMMDDhhmmss`, tenths, quarter hours off UTC, `+`."""
    return at.astimezone(UTC).strftime("%y%m%d%H%M%S000+").encode()
