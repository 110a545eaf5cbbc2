"""The requests beside submit_sm and deliver_sm: submit_multi, data_sm, query, cancel, replace, alert (4.5 to 4.12)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from shared.smpp.addresses import Address
from shared.smpp.codec.wire import (
    Fields,
    encode_address,
    encode_octets,
    encode_pdu,
    encode_short_message,
    encode_text,
    encode_tlvs,
)
from shared.smpp.constants import (
    ALERT_NOTIFICATION,
    CANCEL_SM,
    DATA_SM,
    DEST_FLAG_ADDRESS,
    DEST_FLAG_LIST,
    ESME_RINVDESTFLAG,
    ESME_RINVNUMDESTS,
    ESME_RINVPARLEN,
    MAX_DESTINATIONS,
    QUERY_SM,
    REPLACE_SM,
    SUBMIT_MULTI,
)
from shared.smpp.errors import MalformedPdu, UnencodablePdu
from shared.smpp.requests import (
    AlertNotification,
    CancelSm,
    DataSm,
    DistributionList,
    QuerySm,
    ReplaceSm,
    Request,
    SubmitMulti,
)


def encode_request(sequence: int, request: Request) -> bytes:
    """A whole request. Raises `UnencodablePdu` when a value does not fit its field."""
    return encode_pdu(request.command_id, sequence, _encode_body(request))


def decode_request(command_id: int, body: bytes) -> Request | None:
    """The body of a request; None when the command id is none of these. Raises `MalformedPdu`."""
    decode = _DECODERS.get(command_id)
    return None if decode is None else decode(body)


def encode_alert(sequence: int, alert: AlertNotification) -> bytes:
    """A whole `alert_notification`; it has no response."""
    return encode_pdu(
        ALERT_NOTIFICATION,
        sequence,
        encode_address(alert.source),
        encode_address(alert.esme),
        encode_tlvs(alert.tlvs),
    )


def decode_alert(body: bytes) -> AlertNotification:
    """The body of an `alert_notification`; a TLV cut short is left out."""
    fields = Fields(body)
    return AlertNotification(fields.address(), fields.address(), fields.tlvs()[0])


def _encode_body(request: Request) -> bytes:
    match request:
        case SubmitMulti():
            return _encode_submit_multi(request)
        case DataSm():
            return b"".join(
                (
                    encode_text(request.service_type),
                    encode_address(request.source),
                    encode_address(request.destination),
                    encode_octets(request.esm_class, request.registered_delivery, request.data_coding),
                    encode_tlvs(request.tlvs),
                    request.tail,
                )
            )
        case QuerySm():
            return encode_text(request.message_id) + encode_address(request.source)
        case CancelSm():
            return (
                encode_text(request.service_type, request.message_id)
                + encode_address(request.source)
                + encode_address(request.destination)
            )
        case ReplaceSm():
            return b"".join(
                (
                    encode_text(request.message_id),
                    encode_address(request.source),
                    encode_text(request.schedule_delivery_time, request.validity_period),
                    encode_octets(request.registered_delivery, request.sm_default_msg_id),
                    encode_short_message(request.short_message),
                    encode_tlvs(request.tlvs),
                )
            )


def _encode_submit_multi(request: SubmitMulti) -> bytes:
    count = len(request.destinations)
    if not 0 < count <= MAX_DESTINATIONS:
        raise UnencodablePdu(f"submit_multi to {count} destinations")
    return b"".join(
        (
            encode_text(request.service_type),
            encode_address(request.source),
            bytes((count,)),
            *map(_encode_destination, request.destinations),
            encode_octets(request.esm_class, request.protocol_id, request.priority_flag),
            encode_text(request.schedule_delivery_time, request.validity_period),
            encode_octets(
                request.registered_delivery,
                request.replace_if_present_flag,
                request.data_coding,
                request.sm_default_msg_id,
            ),
            encode_short_message(request.short_message),
            encode_tlvs(request.tlvs),
        )
    )


def _encode_destination(destination: Address | DistributionList) -> bytes:
    if isinstance(destination, Address):
        return bytes((DEST_FLAG_ADDRESS,)) + encode_address(destination)
    return bytes((DEST_FLAG_LIST,)) + encode_text(destination.name)


def _decode_submit_multi(body: bytes) -> SubmitMulti:
    """As with a submit_sm, a TLV cut short is malformed: a text with its end missing is never accepted."""
    fields = Fields(body)
    service_type, source, count = fields.text(), fields.address(), fields.octet()
    if not count:
        raise MalformedPdu(ESME_RINVNUMDESTS, "submit_multi to nobody")
    return SubmitMulti(
        service_type,
        source,
        tuple(_decode_destination(fields) for _ in range(count)),
        fields.octet(),
        fields.octet(),
        fields.octet(),
        fields.text(),
        fields.text(),
        fields.octet(),
        fields.octet(),
        fields.octet(),
        fields.octet(),
        fields.short_message(),
        _whole_tlvs(fields),
    )


def _decode_destination(fields: Fields) -> Address | DistributionList:
    flag = fields.octet()
    if flag == DEST_FLAG_ADDRESS:
        return fields.address()
    if flag == DEST_FLAG_LIST:
        return DistributionList(fields.text())
    raise MalformedPdu(ESME_RINVDESTFLAG, "dest_flag of neither an address nor a list")


def _decode_data_sm(body: bytes) -> DataSm:
    """A TLV cut short ends up in `tail`; which side may refuse it says `deliver_sm` and `submit_sm`."""
    fields = Fields(body)
    return DataSm(
        fields.text(),
        fields.address(),
        fields.address(),
        fields.octet(),
        fields.octet(),
        fields.octet(),
        *fields.tlvs(),
    )


def _decode_query_sm(body: bytes) -> QuerySm:
    fields = Fields(body)
    return QuerySm(fields.text(), fields.address())


def _decode_cancel_sm(body: bytes) -> CancelSm:
    fields = Fields(body)
    return CancelSm(fields.text(), fields.text(), fields.address(), fields.address())


def _decode_replace_sm(body: bytes) -> ReplaceSm:
    fields = Fields(body)
    return ReplaceSm(
        fields.text(),
        fields.address(),
        fields.text(),
        fields.text(),
        fields.octet(),
        fields.octet(),
        fields.short_message(),
        _whole_tlvs(fields),
    )


def _whole_tlvs(fields: Fields) -> tuple[tuple[int, bytes], ...]:
    tlvs, tail = fields.tlvs()
    if tail:
        raise MalformedPdu(ESME_RINVPARLEN, "body ends inside a TLV")
    return tlvs


_DECODERS: Final[Mapping[int, Callable[[bytes], Request]]] = {
    SUBMIT_MULTI: _decode_submit_multi,
    DATA_SM: _decode_data_sm,
    QUERY_SM: _decode_query_sm,
    CANCEL_SM: _decode_cancel_sm,
    REPLACE_SM: _decode_replace_sm,
}
