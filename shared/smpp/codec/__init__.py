"""Bytes to PDU bodies and back (SMPP 3.4, chapters 3 to 5). Pure functions.

Decoding takes the body alone (without the 16 octets of the header). It raises `MalformedPdu` when the mandatory fields
end early and never for a value: any integer, any octets in addresses, ids and texts, any length of an address. Answers
never raise. Encoding raises `UnencodablePdu` when a value does not fit its field.
"""

from __future__ import annotations

from shared.smpp.codec.binds import decode_bind, decode_outbind, encode_bind, encode_outbind
from shared.smpp.codec.messages import decode_deliver_sm, decode_submit_sm, encode_message
from shared.smpp.codec.requests import decode_alert, decode_request, encode_alert, encode_request
from shared.smpp.codec.responses import (
    decode_multi_answer,
    decode_query_answer,
    decode_response,
    encode_answer,
    encode_response,
)
from shared.smpp.codec.wire import HEADER, decode_tlvs, encode_header, encode_tlvs

__all__ = [
    "HEADER",
    "decode_alert",
    "decode_bind",
    "decode_deliver_sm",
    "decode_multi_answer",
    "decode_outbind",
    "decode_query_answer",
    "decode_request",
    "decode_response",
    "decode_submit_sm",
    "decode_tlvs",
    "encode_alert",
    "encode_answer",
    "encode_bind",
    "encode_header",
    "encode_message",
    "encode_outbind",
    "encode_request",
    "encode_response",
    "encode_tlvs",
]
