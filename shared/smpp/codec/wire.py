"""What all PDUs are made of: the header, C-octet strings, addresses, optional parameters (SMPP 3.4, 3.1 and 3.2)."""

from __future__ import annotations

from struct import Struct
from struct import error as StructError  # noqa: N812

from shared.smpp.addresses import Address
from shared.smpp.constants import ESME_RINVPARLEN, HEADER_LENGTH, MAX_PDU_LENGTH, MAX_SHORT_MESSAGE
from shared.smpp.errors import MalformedPdu, UnencodablePdu
from shared.smpp.pdu import Tlvs

HEADER = Struct(">IIII")
_TLV = Struct(">HH")


def encode_header(command_id: int, status: int, sequence: int) -> bytes:
    """A PDU without body: enquire_link, unbind, generic_nack, refusals."""
    return HEADER.pack(HEADER_LENGTH, command_id, status, sequence)


def encode_pdu(command_id: int, sequence: int, *fields: bytes) -> bytes:
    """A whole PDU of fields that are encoded already."""
    body = b"".join(fields)
    length = HEADER_LENGTH + len(body)
    if length > MAX_PDU_LENGTH:
        raise UnencodablePdu(f"PDU of {length} octets")
    return HEADER.pack(length, command_id, 0, sequence) + body


def encode_text(*values: bytes) -> bytes:
    """C-octet strings, each with its closing NUL."""
    if any(0 in value for value in values):
        raise UnencodablePdu("NUL inside a C-octet string")
    return b"".join(value + b"\0" for value in values)


def encode_octets(*values: int) -> bytes:
    """Integers of one octet."""
    try:
        return bytes(values)
    except ValueError as error:
        raise UnencodablePdu("an integer field does not fit one octet") from error


def encode_address(address: Address) -> bytes:
    """TON, NPI and value."""
    return encode_octets(address.ton, address.npi) + encode_text(address.value)


def encode_short_message(text: bytes) -> bytes:
    """`sm_length` and `short_message`."""
    if len(text) > MAX_SHORT_MESSAGE:
        raise UnencodablePdu(f"short_message of {len(text)} octets; use message_payload above {MAX_SHORT_MESSAGE}")
    return bytes((len(text),)) + text


def encode_tlvs(tlvs: Tlvs) -> bytes:
    """The optional parameters, in the order given."""
    encoded = b""
    try:
        for tag, value in tlvs:
            encoded += _TLV.pack(tag, len(value)) + value
    except StructError as error:
        raise UnencodablePdu("a TLV's tag or length does not fit 16 bits") from error
    return encoded


def decode_tlvs(body: bytes, start: int) -> tuple[Tlvs, int]:
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


class Fields:
    """Reads the mandatory fields of a body one after the other.

    Raises `MalformedPdu` when the body ends before the field does; no value is an error. For the PDUs that are not on
    the hot path.
    """

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def text(self) -> bytes:
        """A C-octet string of any length, without its NUL."""
        end = self._body.find(0, self._at)
        if end == -1:
            raise _ended()
        value, self._at = self._body[self._at : end], end + 1
        return value

    def octet(self) -> int:
        """An integer of one octet."""
        return self.octets(1)[0]

    def octets(self, count: int) -> bytes:
        """So many octets."""
        end = self._at + count
        if end > len(self._body):
            raise _ended()
        value, self._at = self._body[self._at : end], end
        return value

    def address(self) -> Address:
        """TON, NPI and value."""
        return Address(self.octet(), self.octet(), self.text())

    def short_message(self) -> bytes:
        """`sm_length` and `short_message`."""
        return self.octets(self.octet())

    def tlvs(self) -> tuple[Tlvs, bytes]:
        """The optional parameters, and what follows the last whole one: not empty when one has a wrong length."""
        tlvs, end = decode_tlvs(self._body, self._at)
        return tlvs, self._body[end:]


def _ended() -> MalformedPdu:
    return MalformedPdu(ESME_RINVPARLEN, "body ends before its mandatory fields")
