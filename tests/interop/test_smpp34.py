"""`smpp34`'s codec, written by others in another language, as the judge of ours on octets that no codec would write.

What we write and it reads, and the other way round, is in `tests/unit/smpp/test_codec.py`. Known to differ: octets
outside UTF-8 in addresses and times are U+FFFD to it, and kept by ours; a TLV cut short is dropped by it, while ours
refuses a `submit_sm` with one and keeps the octets of a `deliver_sm`.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import smpp34
from hypothesis import given
from hypothesis import strategies as st

from shared.smpp import codec
from shared.smpp.addresses import Address
from shared.smpp.constants import (
    BIND_TRANSCEIVER,
    DELIVER_SM,
    ENQUIRE_LINK,
    ESME_RTHROTTLED,
    GENERIC_NACK,
    MESSAGE_PAYLOAD,
    SUBMIT_SM,
    USER_MESSAGE_REFERENCE,
)
from shared.smpp.errors import MalformedPdu
from shared.smpp.pdu import BindRequest, ShortMessage, SubmitSm
from shared.smpp.requests import AlertNotification, CancelSm, DataSm, QuerySm, ReplaceSm, SubmitMulti

FIELDS = [field for field in ShortMessage.__struct_fields__ if field not in ("tlvs", "tail")]
WHOLE = codec.encode_message(
    SUBMIT_SM,
    7,
    SubmitSm(
        service_type=b"CMT",
        source_addr=b"Budstikke",
        destination_addr=b"4799999999",
        validity_period=b"000002000000000R",
        short_message=b"hei",
        tlvs=((MESSAGE_PAYLOAD, b"payload"), (USER_MESSAGE_REFERENCE, b"\0\1")),
    ),
)[codec.HEADER.size :]
PLACE = st.integers(0, len(WHOLE))
OCTET = st.integers(0, 255)
EDITS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), PLACE, OCTET),
        st.tuples(st.just("insert"), PLACE, OCTET),
        st.tuples(st.just("drop"), PLACE, st.just(0)),
        st.tuples(st.just("cut"), PLACE, st.just(0)),
    ),
    max_size=6,
)


def edited(edits: list[tuple[str, int, int]]) -> bytes:
    """The body of a submit or a deliver, which are alike, after some damage."""
    body = bytearray(WHOLE)
    for kind, place, octet in edits:
        if kind == "insert":
            body.insert(place, octet)
        elif kind == "cut":
            del body[place:]
        elif kind == "drop":
            del body[place : place + 1]
        elif place < len(body):
            body[place] = octet
    return bytes(body)


@pytest.mark.parametrize(
    ("command_id", "decode"), [(SUBMIT_SM, codec.decode_submit_sm), (DELIVER_SM, codec.decode_deliver_sm)]
)
@given(edits=EDITS)
def test_damaged_octets_are_read_alike_or_refused_by_both(
    command_id: int, decode: Callable[[bytes], ShortMessage], edits: list[tuple[str, int, int]]
) -> None:
    body = edited(edits)
    header = codec.HEADER.pack(codec.HEADER.size + len(body), command_id, 0, 7)
    try:
        theirs = smpp34.decode(header + body)
    except smpp34.SmppError:
        with pytest.raises(MalformedPdu):
            decode(body)
        return
    assert isinstance(theirs, smpp34.SubmitSm | smpp34.DeliverSm)
    # a cut TLV, which it drops, is what a deliver_sm keeps in its tail, and what a submit_sm is refused for
    ours = codec.decode_deliver_sm(body)
    if ours.tail and command_id == SUBMIT_SM:
        with pytest.raises(MalformedPdu):
            decode(body)
        return
    for field in FIELDS:
        read = getattr(ours, field)
        assert getattr(theirs, field) in (read, read.decode(errors="replace") if isinstance(read, bytes) else read)
    assert tuple((tlv.tag, bytes(tlv.value)) for tlv in theirs.tlvs) == ours.tlvs
    assert decode(body).tlvs == ours.tlvs


OTHERS = {
    "bind": codec.encode_bind(BIND_TRANSCEIVER, 7, BindRequest(b"me", b"secret", b"sms")),
    "enquire_link": codec.encode_header(ENQUIRE_LINK, 0, 7),
    "generic_nack": codec.encode_header(GENERIC_NACK, 3, 7),
    "response": codec.encode_response(SUBMIT_SM, 0, 7, b"4711", ((USER_MESSAGE_REFERENCE, b"\0\1"),)),
    "refusal": codec.encode_response(SUBMIT_SM, ESME_RTHROTTLED, 7),
    "query": codec.encode_request(7, QuerySm(b"4711")),
    "cancel": codec.encode_request(7, CancelSm(b"", b"4711")),
    "replace": codec.encode_request(7, ReplaceSm(b"4711", short_message=b"nytt")),
    "data": codec.encode_request(7, DataSm(tlvs=((MESSAGE_PAYLOAD, b"hei"),))),
    "multi": codec.encode_request(7, SubmitMulti(destinations=(Address(1, 1, b"4799999999"),), short_message=b"hei")),
    "alert": codec.encode_alert(7, AlertNotification(Address(1, 1, b"4799999999"))),
}


@pytest.mark.parametrize("octets", OTHERS.values(), ids=OTHERS)
def test_the_header_of_every_other_pdu_is_read_as_we_wrote_it(octets: bytes) -> None:
    theirs = smpp34.decode(octets)

    assert isinstance(theirs, smpp34.RawPdu)
    header = (theirs.command_length, theirs.command_id, theirs.command_status, theirs.sequence_number)
    assert header == codec.HEADER.unpack_from(octets)
    assert theirs.command_length == len(octets)
    assert bytes(theirs.body) == octets[codec.HEADER.size :]
