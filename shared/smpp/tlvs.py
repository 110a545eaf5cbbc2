"""Optional parameters, interpreted when somebody asks (SMPP 3.4, 5.3.2; rule 4).

Nothing here raises: what cannot be read is None, and an oddity, a constant phrase, is put on the caller's list. Tags
of vendors (0x1400 to 0x3FFF) and others that the specification does not know are read as they come.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from shared.smpp.pdu import Tlvs, find_tlv

INTEGERS: Final[Mapping[int, tuple[str, int]]] = {
    0x0005: ("dest_addr_subunit", 1),
    0x0006: ("dest_network_type", 1),
    0x0007: ("dest_bearer_type", 1),
    0x0008: ("dest_telematics_id", 2),
    0x000D: ("source_addr_subunit", 1),
    0x000E: ("source_network_type", 1),
    0x000F: ("source_bearer_type", 1),
    0x0010: ("source_telematics_id", 1),
    0x0017: ("qos_time_to_live", 4),
    0x0019: ("payload_type", 1),
    0x0030: ("ms_msg_wait_facilities", 1),
    0x0201: ("privacy_indicator", 1),
    0x0204: ("user_message_reference", 2),
    0x0205: ("user_response_code", 1),
    0x020A: ("source_port", 2),
    0x020B: ("destination_port", 2),
    0x020C: ("sar_msg_ref_num", 2),
    0x020D: ("language_indicator", 1),
    0x020E: ("sar_total_segments", 1),
    0x020F: ("sar_segment_seqnum", 1),
    0x0210: ("sc_interface_version", 1),
    0x0302: ("callback_num_pres_ind", 1),
    0x0304: ("number_of_messages", 1),
    0x0420: ("dpf_result", 1),
    0x0421: ("set_dpf", 1),
    0x0422: ("ms_availability_status", 1),
    0x0425: ("delivery_failure_reason", 1),
    0x0426: ("more_messages_to_send", 1),
    0x0427: ("message_state", 1),
    0x0428: ("congestion_state", 1),
    0x0501: ("ussd_service_op", 1),
    0x1201: ("display_time", 1),
    0x1203: ("sms_signal", 2),
    0x1204: ("ms_validity", 1),
    0x1380: ("its_reply_type", 1),
    0x1383: ("its_session_info", 2),
}
"""Name and octets of every parameter that is one integer, with `congestion_state` of SMPP 5."""


def integer(tlvs: Tlvs, tag: int, oddities: list[str]) -> int | None:
    """The first TLV with this tag as an unsigned integer. None when there is none, or its length is another's."""
    value = find_tlv(tlvs, tag)
    if value is None:
        return None
    name, octets = INTEGERS.get(tag, ("", len(value)))
    if len(value) != octets:
        oddities.append(f"{name} with a wrong length")
        return None
    return int.from_bytes(value)


def c_string(tlvs: Tlvs, tag: int) -> bytes | None:
    """The first TLV with this tag as octets up to its NUL, which may be missing."""
    value = find_tlv(tlvs, tag)
    return None if value is None else value.partition(b"\0")[0]
