"""Bytes to PDU bodies and back (SMPP 3.4, chapters 3 to 5). Pure functions.

Decoding takes the body alone (without the 16 octets of the header). It raises `MalformedPdu` when the mandatory fields
end early and never for a value: any integer, any octets in addresses, ids and texts, any length of an address. Encoding
raises `UnencodablePdu` when a value does not fit its field.
"""

from __future__ import annotations

from struct import Struct
from struct import error as StructError  # noqa: N812
from typing import TypeVar

from shared.smpp.constants import (
    ESME_RINVPARLEN,
    MAX_PDU_LENGTH,
    MAX_SHORT_MESSAGE,
    RESPONSE_BIT,
)
from shared.smpp.errors import MalformedPdu, UnencodablePdu
from shared.smpp.pdu import BindRequest, DeliverSm, ResponseBody, ShortMessage, SubmitSm, Tlvs

HEADER = Struct(">IIII")
_TLV = Struct(">HH")
_Message = TypeVar("_Message", bound=ShortMessage)


def encode_header(command_id: int, status: int, sequence: int) -> bytes:
    """A PDU without body: enquire_link, unbind, generic_nack, refusals."""
    return HEADER.pack(16, command_id, status, sequence)


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


def encode_bind(command_id: int, sequence: int, bind: BindRequest) -> bytes:
    """A whole bind request of any mode."""
    strings = (bind.system_id, bind.password, bind.system_type, bind.address_range)
    if any(0 in value for value in strings):
        raise UnencodablePdu("NUL inside a field of a bind")
    try:
        body = b"%b\0%b\0%b\0%c%c%c%b\0" % (
            bind.system_id,
            bind.password,
            bind.system_type,
            bind.interface_version,
            bind.addr_ton,
            bind.addr_npi,
            bind.address_range,
        )
    except OverflowError as error:
        raise UnencodablePdu("an integer of a bind does not fit one octet") from error
    return HEADER.pack(16 + len(body), command_id, 0, sequence) + body


def encode_response(request_id: int, status: int, sequence: int, body_id: bytes = b"", tlvs: Tlvs = ()) -> bytes:
    """The response that matches a request. An error with nothing to say travels without body (rule 9)."""
    if status and not body_id and not tlvs:
        return HEADER.pack(16, request_id | RESPONSE_BIT, status, sequence)
    if 0 in body_id:
        raise UnencodablePdu("NUL inside the id of a response")
    body = b"%b\0%b" % (body_id, encode_tlvs(tlvs)) if tlvs else body_id + b"\0"
    return HEADER.pack(16 + len(body), request_id | RESPONSE_BIT, status, sequence) + body


def encode_tlvs(tlvs: Tlvs) -> bytes:
    """The optional parameters, in the order given."""
    encoded = b""
    try:
        for tag, value in tlvs:
            encoded += _TLV.pack(tag, len(value)) + value
    except StructError as error:
        raise UnencodablePdu("a TLV's tag or length does not fit 16 bits") from error
    return encoded


def decode_submit_sm(body: bytes) -> SubmitSm:
    """The body of a `submit_sm`. A TLV cut short is malformed here: a text with its end missing is never accepted."""
    message = _decode_message(SubmitSm, body)
    if message.tail:
        raise MalformedPdu(ESME_RINVPARLEN, "submit_sm ends inside a TLV")
    return message


def decode_deliver_sm(body: bytes) -> DeliverSm:
    """The body of a `deliver_sm`. A TLV cut short ends up in `tail`: if refused, the peer would send it for ever."""
    return _decode_message(DeliverSm, body)


def decode_bind(body: bytes) -> BindRequest:
    """The body of any bind request."""
    try:
        first = body.index(0)
        second = body.index(0, first + 1)
        third = body.index(0, second + 1)
        version, ton, npi = body[third + 1 : third + 4]
        fourth = body.index(0, third + 4)
    except ValueError as error:
        raise MalformedPdu(ESME_RINVPARLEN, "bind ends before its mandatory fields") from error
    return BindRequest(
        body[:first], body[first + 1 : second], body[second + 1 : third], version, ton, npi, body[third + 4 : fourth]
    )


def decode_response(body: bytes) -> ResponseBody:
    """The body of a submit, deliver or bind response; nothing in it is an error (rules 2, 4, 9)."""
    if not body:
        return ResponseBody()
    end = body.find(0)
    if end == -1:
        return ResponseBody(body, (), "id without NUL")
    if end + 1 == len(body):
        return ResponseBody(body[:end])
    tlvs, stopped = _decode_tlvs(body, end + 1)
    return ResponseBody(body[:end], tlvs, "" if stopped == len(body) else "TLV with a wrong length")


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
        tlvs, stopped = _decode_tlvs(body, end)
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


def _decode_tlvs(body: bytes, start: int) -> tuple[Tlvs, int]:
    """Every whole TLV from `start` on, and where the last of them ended."""
    tlvs = []
    end = len(body)
    while end - start >= 4:
        tag, length = _TLV.unpack_from(body, start)
        stop = start + 4 + length
        if stop > end:
            break
        tlvs.append((tag, body[start + 4 : stop]))
        start = stop
    return tuple(tlvs), start
