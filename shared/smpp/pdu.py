"""The bodies of messages, binds and responses: fields in the order of the specification, values as they travel.

Numbers are plain integers, addresses, ids and texts are bytes without their closing NUL (rules 1, 2). No body
knows its sequence number or status: those belong to the session. `repr` never shows an address, a text or a password.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from shared.smpp.constants import INTERFACE_VERSION, MESSAGE_PAYLOAD

Tlv: TypeAlias = tuple[int, bytes]
Tlvs: TypeAlias = tuple[Tlv, ...]


def find_tlv(tlvs: Tlvs, tag: int) -> bytes | None:
    """The value of the first TLV with this tag, uninterpreted (rule 4)."""
    for candidate, value in tlvs:
        if candidate == tag:
            return value
    return None


class ShortMessage(msgspec.Struct, frozen=True, gc=False):
    """The fields `submit_sm` and `deliver_sm` share (4.4.1, 4.6.1).

    `tlvs` keeps the peer's order and repetitions. `tail` is what follows the last whole TLV: not empty means that
    the peer gave a TLV a wrong length, which is an oddity and no error (rule 4).
    """

    service_type: bytes = b""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: bytes = b""
    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    destination_addr: bytes = b""
    esm_class: int = 0
    protocol_id: int = 0
    priority_flag: int = 0
    schedule_delivery_time: bytes = b""
    validity_period: bytes = b""
    registered_delivery: int = 0
    replace_if_present_flag: int = 0
    data_coding: int = 0
    sm_default_msg_id: int = 0
    short_message: bytes = b""
    tlvs: Tlvs = ()
    tail: bytes = b""

    def tlv(self, tag: int) -> bytes | None:
        """The value of the first TLV with this tag."""
        return find_tlv(self.tlvs, tag)

    @property
    def content(self) -> bytes:
        """The octets of the message, UDH included: `short_message`, or the `message_payload` TLV when that is empty."""
        return self.short_message or self.tlv(MESSAGE_PAYLOAD) or b""

    def __repr__(self) -> str:
        tags = " ".join(f"{tag:#06x}" for tag, _ in self.tlvs)
        return (
            f"{type(self).__name__}(esm_class={self.esm_class:#04x}, data_coding={self.data_coding}, "
            f"octets={len(self.content)}, tlvs=[{tags}])"
        )


class SubmitSm(ShortMessage, frozen=True, gc=False):
    """A message on its way to a handset."""


class DeliverSm(ShortMessage, frozen=True, gc=False):
    """A message from a handset, or a delivery receipt."""


class BindRequest(msgspec.Struct, frozen=True, gc=False):
    """The body of all three bind requests (4.1.1); which one it was says the command id."""

    system_id: bytes = b""
    password: bytes = b""
    system_type: bytes = b""
    interface_version: int = INTERFACE_VERSION
    addr_ton: int = 0
    addr_npi: int = 0
    address_range: bytes = b""

    def __repr__(self) -> str:
        return f"BindRequest(system_id={self.system_id!r}, interface_version={self.interface_version:#04x})"


class Outbind(msgspec.Struct, frozen=True, gc=False):
    """An SMSC asks an ESME to bind as a receiver on the connection it comes over (4.1.7)."""

    system_id: bytes = b""
    password: bytes = b""

    def __repr__(self) -> str:
        return f"Outbind(system_id={self.system_id!r})"


class ResponseBody(msgspec.Struct, frozen=True, gc=False):
    """The body of a response: the peer's id (a message id, or a system id after a bind) and its TLVs.

    An absent body reads as an empty id (rule 9). `oddity` names what was wrong with the body, else empty.
    """

    id: bytes = b""
    tlvs: Tlvs = ()
    oddity: str = ""
