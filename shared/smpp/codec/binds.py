"""Binds of all three modes, and the outbind (SMPP 3.4, 4.1)."""

from __future__ import annotations

from shared.smpp.codec.wire import Fields, encode_octets, encode_pdu, encode_text
from shared.smpp.constants import OUTBIND
from shared.smpp.pdu import BindRequest, Outbind


def encode_bind(command_id: int, sequence: int, bind: BindRequest) -> bytes:
    """A whole bind request of any mode."""
    return encode_pdu(
        command_id,
        sequence,
        encode_text(bind.system_id, bind.password, bind.system_type),
        encode_octets(bind.interface_version, bind.addr_ton, bind.addr_npi),
        encode_text(bind.address_range),
    )


def decode_bind(body: bytes) -> BindRequest:
    """The body of any bind request, of any version; what follows the fields of 3.4 is left alone."""
    fields = Fields(body)
    return BindRequest(
        fields.text(), fields.text(), fields.text(), fields.octet(), fields.octet(), fields.octet(), fields.text()
    )


def encode_outbind(sequence: int, outbind: Outbind) -> bytes:
    """A whole `outbind`; it has no response."""
    return encode_pdu(OUTBIND, sequence, encode_text(outbind.system_id, outbind.password))


def decode_outbind(body: bytes) -> Outbind:
    """The body of an `outbind`."""
    fields = Fields(body)
    return Outbind(fields.text(), fields.text())
