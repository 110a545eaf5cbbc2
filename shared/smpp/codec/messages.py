"""submit_sm and deliver_sm, the hot path (SMPP 3.4, 4.4 and 4.6): written out, for every call costs."""

from __future__ import annotations

from typing import TypeVar

from shared.smpp.codec.wire import HEADER, decode_tlvs, encode_tlvs
from shared.smpp.constants import ESME_RINVPARLEN, MAX_PDU_LENGTH, MAX_SHORT_MESSAGE
from shared.smpp.errors import MalformedPdu, UnencodablePdu
from shared.smpp.pdu import DeliverSm, ShortMessage, SubmitSm, Tlvs

_Message = TypeVar("_Message", bound=ShortMessage)


def encode_message(command_id: int, sequence: int, message: ShortMessage) -> bytes:
    """A whole `submit_sm` or `deliver_sm`. The `tail` goes out as it is, so that a peer's oddity can be played back."""
    text = message.short_message
    if len(text) > MAX_SHORT_MESSAGE:
        raise UnencodablePdu(f"short_message of {len(text)} octets; use message_payload above {MAX_SHORT_MESSAGE}")
    if (
        0 in message.source_addr
        or 0 in message.destination_addr
        or 0 in message.service_type
        or 0 in message.schedule_delivery_time
        or 0 in message.validity_period
    ):
        raise UnencodablePdu("NUL inside a C-octet string")
    try:
        body = b"%b\0%c%c%b\0%c%c%b\0%c%c%c%b\0%b\0%c%c%c%c%c%b%b%b" % (
            message.service_type,
            message.source_addr_ton,
            message.source_addr_npi,
            message.source_addr,
            message.dest_addr_ton,
            message.dest_addr_npi,
            message.destination_addr,
            message.esm_class,
            message.protocol_id,
            message.priority_flag,
            message.schedule_delivery_time,
            message.validity_period,
            message.registered_delivery,
            message.replace_if_present_flag,
            message.data_coding,
            message.sm_default_msg_id,
            len(text),
            text,
            encode_tlvs(message.tlvs) if message.tlvs else b"",
            message.tail,
        )
    except OverflowError as error:
        raise UnencodablePdu("an integer field does not fit one octet") from error
    length = 16 + len(body)
    if length > MAX_PDU_LENGTH:
        raise UnencodablePdu(f"PDU of {length} octets")
    return HEADER.pack(length, command_id, 0, sequence) + body


def decode_submit_sm(body: bytes) -> SubmitSm:
    """The body of a `submit_sm`. A TLV cut short is malformed here: a text with its end missing is never accepted."""
    message = _decode_message(SubmitSm, body)
    if message.tail:
        raise MalformedPdu(ESME_RINVPARLEN, "submit_sm ends inside a TLV")
    return message


def decode_deliver_sm(body: bytes) -> DeliverSm:
    """The body of a `deliver_sm`. A TLV cut short ends up in `tail`: if refused, the peer would send it for ever."""
    return _decode_message(DeliverSm, body)


def _decode_message(kind: type[_Message], body: bytes) -> _Message:
    index = body.index
    try:
        service = index(0)
        source = index(0, service + 3)
        destination = index(0, source + 3)
        schedule = index(0, destination + 4)
        validity = index(0, schedule + 1)
        registered, replace, coding, default, length = body[validity + 1 : validity + 6]
    except ValueError as error:
        raise MalformedPdu(ESME_RINVPARLEN, "message ends before its mandatory fields") from error
    end = validity + 6 + length
    if end > len(body):
        raise MalformedPdu(ESME_RINVPARLEN, "message ends before its text")
    tlvs: Tlvs = ()
    stopped = end
    if end < len(body):
        tlvs, stopped = decode_tlvs(body, end)
    return kind(
        body[:service],
        body[service + 1],
        body[service + 2],
        body[service + 3 : source],
        body[source + 1],
        body[source + 2],
        body[source + 3 : destination],
        body[destination + 1],
        body[destination + 2],
        body[destination + 3],
        body[destination + 4 : schedule],
        body[schedule + 1 : validity],
        registered,
        replace,
        coding,
        default,
        body[validity + 6 : end],
        tlvs,
        body[stopped:],
    )
