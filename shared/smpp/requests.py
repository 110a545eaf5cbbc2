"""The requests beside submit_sm and deliver_sm, and what answers them; conventions as in `pdu`."""

from __future__ import annotations

from typing import ClassVar, Final, TypeAlias

import msgspec

from shared.smpp.addresses import Address
from shared.smpp.constants import (
    CANCEL_SM,
    DATA_SM,
    MESSAGE_STATE_UNKNOWN,
    QUERY_SM,
    REPLACE_SM,
    SUBMIT_MULTI,
)
from shared.smpp.pdu import DeliverSm, Tlvs, find_tlv

NO_ADDRESS: Final = Address(0, 0, b"")
"""Where the specification lets the SMSC choose."""


class DistributionList(msgspec.Struct, frozen=True, gc=False):
    """A list of recipients that the SMSC keeps under this name."""

    name: bytes

    def __repr__(self) -> str:
        return f"DistributionList(octets={len(self.name)})"


class SubmitMulti(msgspec.Struct, frozen=True, gc=False):
    """One message to 1 to 254 addresses and lists (4.5.1)."""

    command_id: ClassVar[int] = SUBMIT_MULTI

    service_type: bytes = b""
    source: Address = NO_ADDRESS
    destinations: tuple[Address | DistributionList, ...] = ()
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

    def __repr__(self) -> str:
        return f"SubmitMulti(destinations={len(self.destinations)}, octets={len(self.short_message)})"


class DataSm(msgspec.Struct, frozen=True, gc=False):
    """A message either way, all of it in TLVs (4.7.1). For `tail` see `ShortMessage`."""

    command_id: ClassVar[int] = DATA_SM

    service_type: bytes = b""
    source: Address = NO_ADDRESS
    destination: Address = NO_ADDRESS
    esm_class: int = 0
    registered_delivery: int = 0
    data_coding: int = 0
    tlvs: Tlvs = ()
    tail: bytes = b""

    def tlv(self, tag: int) -> bytes | None:
        """The value of the first TLV with this tag."""
        return find_tlv(self.tlvs, tag)

    def as_deliver_sm(self) -> DeliverSm:
        """The deliver_sm that says the same: an SMSC may send receipts and messages from handsets either way."""
        return DeliverSm(
            service_type=self.service_type,
            source_addr_ton=self.source.ton,
            source_addr_npi=self.source.npi,
            source_addr=self.source.value,
            dest_addr_ton=self.destination.ton,
            dest_addr_npi=self.destination.npi,
            destination_addr=self.destination.value,
            esm_class=self.esm_class,
            registered_delivery=self.registered_delivery,
            data_coding=self.data_coding,
            tlvs=self.tlvs,
            tail=self.tail,
        )

    def __repr__(self) -> str:
        return f"DataSm(esm_class={self.esm_class:#04x}, data_coding={self.data_coding}, tlvs={len(self.tlvs)})"


class QuerySm(msgspec.Struct, frozen=True, gc=False):
    """What became of the message with this id, sent from this source (4.8.1)."""

    command_id: ClassVar[int] = QUERY_SM

    message_id: bytes = b""
    source: Address = NO_ADDRESS


class CancelSm(msgspec.Struct, frozen=True, gc=False):
    """Take back the message with this id, or, without id, all from this source to this destination (4.9.1)."""

    command_id: ClassVar[int] = CANCEL_SM

    service_type: bytes = b""
    message_id: bytes = b""
    source: Address = NO_ADDRESS
    destination: Address = NO_ADDRESS


class ReplaceSm(msgspec.Struct, frozen=True, gc=False):
    """Another text and other times for the message with this id (4.10.1); a long text is a TLV, as in SMPP 5."""

    command_id: ClassVar[int] = REPLACE_SM

    message_id: bytes = b""
    source: Address = NO_ADDRESS
    schedule_delivery_time: bytes = b""
    validity_period: bytes = b""
    registered_delivery: int = 0
    sm_default_msg_id: int = 0
    short_message: bytes = b""
    tlvs: Tlvs = ()

    def __repr__(self) -> str:
        return f"ReplaceSm(message_id={self.message_id!r}, octets={len(self.short_message)})"


Request: TypeAlias = SubmitMulti | DataSm | QuerySm | CancelSm | ReplaceSm
"""Every request beside the binds, submit_sm and deliver_sm that has a response."""


class AlertNotification(msgspec.Struct, frozen=True, gc=False):
    """The handset at `source` can be reached again (4.12.1); nobody answers it."""

    source: Address = NO_ADDRESS
    esme: Address = NO_ADDRESS
    tlvs: Tlvs = ()

    def __repr__(self) -> str:
        return f"AlertNotification(tlvs={len(self.tlvs)})"


class QueryAnswer(msgspec.Struct, frozen=True, gc=False):
    """The body of a `query_sm_resp` (4.8.2). `message_state` as in 5.2.28, `final_date` as it travels."""

    command_id: ClassVar[int] = QUERY_SM
    """Of the request that it answers."""

    message_id: bytes
    final_date: bytes = b""
    message_state: int = MESSAGE_STATE_UNKNOWN
    error_code: int = 0
    oddity: str = ""


class Unsuccessful(msgspec.Struct, frozen=True, gc=False):
    """A destination of a `submit_multi` that was not taken, and why."""

    address: Address
    status: int


class MultiAnswer(msgspec.Struct, frozen=True, gc=False):
    """The body of a `submit_multi_resp` (4.5.2): taken under this id, for all but these."""

    command_id: ClassVar[int] = SUBMIT_MULTI
    """Of the request that it answers."""

    message_id: bytes
    unsuccessful: tuple[Unsuccessful, ...] = ()
    tlvs: Tlvs = ()
    oddity: str = ""
