"""The PDUs beside binds and messages: as they stand in the specification, there and back, and cut short."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.smpp import codec
from shared.smpp.addresses import Address
from shared.smpp.constants import (
    ALERT_NOTIFICATION,
    CANCEL_SM,
    CANCEL_SM_RESP,
    DATA_SM,
    ESME_RCANCELFAIL,
    ESME_RINVDESTFLAG,
    ESME_RINVNUMDESTS,
    ESME_RINVPARLEN,
    MESSAGE_PAYLOAD,
    OUTBIND,
    QUERY_SM,
    QUERY_SM_RESP,
    REPLACE_SM,
    REPLACE_SM_RESP,
    SUBMIT_MULTI,
    SUBMIT_MULTI_RESP,
)
from shared.smpp.errors import MalformedPdu, UnencodablePdu
from shared.smpp.pdu import Outbind
from shared.smpp.requests import (
    AlertNotification,
    CancelSm,
    DataSm,
    DistributionList,
    MultiAnswer,
    QueryAnswer,
    QuerySm,
    ReplaceSm,
    Request,
    SubmitMulti,
    Unsuccessful,
)

octet = st.integers(0, 255)
text = st.binary(max_size=20).filter(lambda value: 0 not in value)
tlvs = st.lists(st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=20)), max_size=3).map(tuple)
address = st.builds(Address, octet, octet, text)
destinations = st.lists(address | st.builds(DistributionList, text), min_size=1, max_size=5).map(tuple)

REQUESTS = st.one_of(
    st.builds(
        SubmitMulti,
        text,
        address,
        destinations,
        octet,
        octet,
        octet,
        text,
        text,
        octet,
        octet,
        octet,
        octet,
        st.binary(max_size=254),
        tlvs,
    ),
    st.builds(DataSm, text, address, address, octet, octet, octet, tlvs),
    st.builds(QuerySm, text, address),
    st.builds(CancelSm, text, text, address, address),
    st.builds(ReplaceSm, text, address, text, text, octet, octet, st.binary(max_size=254), tlvs),
)

SENDER, HANDSET = Address(5, 0, b"Budstikke"), Address(1, 1, b"4799999999")
SENDER_OCTETS, HANDSET_OCTETS = b"\5\0Budstikke\0", b"\1\x014799999999\0"

WRITTEN: list[tuple[Request, bytes]] = [
    (QuerySm(b"12", SENDER), b"12\0" + SENDER_OCTETS),
    (CancelSm(b"CMT", b"12", SENDER, HANDSET), b"CMT\x0012\0" + SENDER_OCTETS + HANDSET_OCTETS),
    (
        ReplaceSm(b"12", SENDER, b"", b"000002000000000R", 1, 0, b"hei"),
        b"12\0" + SENDER_OCTETS + b"\x00000002000000000R\0\1\0\3hei",
    ),
    (
        DataSm(b"", SENDER, HANDSET, 0, 1, 8, ((MESSAGE_PAYLOAD, b"hei"),)),
        b"\0" + SENDER_OCTETS + HANDSET_OCTETS + b"\0\1\x08\x04\x24\0\3hei",
    ),
    (
        SubmitMulti(
            source=SENDER,
            destinations=(HANDSET, DistributionList(b"staff")),
            priority_flag=1,
            registered_delivery=1,
            data_coding=3,
            short_message=b"hei",
        ),
        b"\0" + SENDER_OCTETS + b"\2\1" + HANDSET_OCTETS + b"\2staff\0" + b"\0\0\1\0\0\1\0\3\0\3hei",
    ),
]


@pytest.mark.parametrize(("request_", "body"), WRITTEN, ids=lambda value: type(value).__name__)
def test_a_request_is_written_as_the_specification_says(request_: Request, body: bytes) -> None:
    octets = codec.encode_request(9, request_)

    assert codec.HEADER.unpack_from(octets) == (len(octets), request_.command_id, 0, 9)
    assert octets[16:] == body


@given(REQUESTS)
def test_a_request_comes_back_as_it_was(request_: Request) -> None:
    octets = codec.encode_request(1, request_)

    assert codec.decode_request(request_.command_id, octets[16:]) == request_


@given(st.sampled_from([SUBMIT_MULTI, DATA_SM, QUERY_SM, CANCEL_SM, REPLACE_SM]), st.binary(max_size=120))
def test_any_octets_are_a_request_or_malformed(command_id: int, body: bytes) -> None:
    with contextlib.suppress(MalformedPdu):
        assert codec.decode_request(command_id, body) is not None
    with contextlib.suppress(MalformedPdu):
        codec.decode_alert(body)
    with contextlib.suppress(MalformedPdu):
        codec.decode_outbind(body)


@pytest.mark.parametrize(("request_", "body"), WRITTEN, ids=lambda value: type(value).__name__)
def test_a_request_cut_short_anywhere_is_malformed(request_: Request, body: bytes) -> None:
    mandatory = len(body) - (7 if isinstance(request_, DataSm) else 0)

    for length in range(mandatory):
        with pytest.raises(MalformedPdu) as caught:
            codec.decode_request(request_.command_id, body[:length])
        assert caught.value.status == ESME_RINVPARLEN


def test_a_data_sm_keeps_the_octets_of_a_tlv_cut_short() -> None:
    body = codec.encode_request(1, DataSm(tlvs=((MESSAGE_PAYLOAD, b"hei"),)))[16:-1]

    decoded = codec.decode_request(DATA_SM, body)

    assert isinstance(decoded, DataSm)
    assert (decoded.tlvs, decoded.tail) == ((), b"\x04\x24\0\3he")
    assert codec.encode_request(1, decoded)[16:] == body


@pytest.mark.parametrize(
    ("destinations_", "status"),
    [(b"\0", ESME_RINVNUMDESTS), (b"\1\3x\0", ESME_RINVDESTFLAG)],
    ids=["to nobody", "an unknown flag"],
)
def test_a_submit_multi_with_odd_destinations_says_what_is_wrong(destinations_: bytes, status: int) -> None:
    with pytest.raises(MalformedPdu) as caught:
        codec.decode_request(SUBMIT_MULTI, b"\0\0\0\0" + destinations_ + bytes(11))

    assert caught.value.status == status


def test_what_is_no_request_is_none() -> None:
    assert codec.decode_request(0x111, b"") is None


@given(st.builds(AlertNotification, address, address, tlvs))
def test_an_alert_notification_comes_back_as_it_was(alert: AlertNotification) -> None:
    octets = codec.encode_alert(3, alert)

    assert codec.HEADER.unpack_from(octets)[1:] == (ALERT_NOTIFICATION, 0, 3)
    assert codec.decode_alert(octets[16:]) == alert


@given(st.builds(Outbind, text, text))
def test_an_outbind_comes_back_as_it_was(outbind: Outbind) -> None:
    octets = codec.encode_outbind(3, outbind)

    assert codec.HEADER.unpack_from(octets)[1:] == (OUTBIND, 0, 3)
    assert codec.decode_outbind(octets[16:]) == outbind


@given(st.builds(QueryAnswer, text, text, octet, octet))
def test_the_answer_to_a_query_comes_back_as_it_was(answer: QueryAnswer) -> None:
    octets = codec.encode_answer(3, answer)

    assert codec.HEADER.unpack_from(octets)[1:] == (QUERY_SM_RESP, 0, 3)
    assert codec.decode_query_answer(octets[16:]) == answer


unsuccessful = st.lists(st.builds(Unsuccessful, address, st.integers(0, 0xFFFFFFFF)), max_size=4).map(tuple)


@given(st.builds(MultiAnswer, text, unsuccessful, tlvs))
def test_the_answer_to_a_submit_multi_comes_back_with_those_it_was_not_taken_for(answer: MultiAnswer) -> None:
    octets = codec.encode_answer(3, answer)

    assert codec.HEADER.unpack_from(octets)[1:] == (SUBMIT_MULTI_RESP, 0, 3)
    assert codec.decode_multi_answer(octets[16:]) == answer


@given(st.binary(max_size=60))
def test_no_answer_is_an_error(body: bytes) -> None:
    codec.decode_query_answer(body)
    codec.decode_multi_answer(body)


def test_an_answer_cut_short_is_an_oddity_and_keeps_what_was_whole() -> None:
    assert codec.decode_query_answer(b"12\0") == QueryAnswer(b"12", oddity="query_sm_resp cut short")
    whole = MultiAnswer(b"12", (Unsuccessful(HANDSET, 0x0B), Unsuccessful(SENDER, 0x0B)))
    cut = codec.decode_multi_answer(codec.encode_answer(1, whole)[16:-1])
    assert cut == MultiAnswer(b"12", whole.unsuccessful[:1], oddity="submit_multi_resp cut short")


@pytest.mark.parametrize(("request_id", "response_id"), [(CANCEL_SM, CANCEL_SM_RESP), (REPLACE_SM, REPLACE_SM_RESP)])
@pytest.mark.parametrize("status", [0, ESME_RCANCELFAIL])
def test_cancel_and_replace_are_answered_without_body(request_id: int, response_id: int, status: int) -> None:
    assert codec.encode_response(request_id, status, 9, b"7") == codec.encode_header(response_id, status, 9)


@pytest.mark.parametrize(
    "unencodable",
    [
        lambda: codec.encode_request(1, QuerySm(b"1\0")),
        lambda: codec.encode_request(1, QuerySm(source=Address(256, 0, b""))),
        lambda: codec.encode_request(1, SubmitMulti()),
        lambda: codec.encode_request(1, SubmitMulti(destinations=(HANDSET,) * 255)),
        lambda: codec.encode_request(1, SubmitMulti(destinations=(HANDSET,), short_message=bytes(255))),
        lambda: codec.encode_request(1, DataSm(tlvs=((1, bytes(0xFFFF)), (2, bytes(0xFFFF))))),
        lambda: codec.encode_answer(1, MultiAnswer(b"1", (Unsuccessful(HANDSET, -1),))),
        lambda: codec.encode_answer(1, MultiAnswer(b"1", (Unsuccessful(HANDSET, 1),) * 256)),
        lambda: codec.encode_outbind(1, Outbind(b"\0")),
    ],
    ids=["NUL", "octet", "to nobody", "255 destinations", "text", "whole PDU", "status", "256 failures", "outbind"],
)
def test_what_does_not_fit_is_refused(unencodable: object) -> None:
    with pytest.raises(UnencodablePdu):
        unencodable()  # type: ignore[operator]


@pytest.mark.parametrize(
    "shown",
    [
        *(request_ for request_, _ in WRITTEN),
        AlertNotification(HANDSET, SENDER, ((MESSAGE_PAYLOAD, b"hei"),)),
        Outbind(b"smsc", b"hei"),
        MultiAnswer(b"1", (Unsuccessful(HANDSET, 1),)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_no_address_text_or_password_is_shown(shown: object) -> None:
    for secret in ("Budstikke", "4799999999", "hei", "staff"):
        assert secret not in repr(shown)
