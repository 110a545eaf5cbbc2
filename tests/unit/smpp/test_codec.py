"""The codec alone: round trips, agreement with an independent codec, and what it does with what peers get wrong."""

from __future__ import annotations

import contextlib

import pytest
import smpp34
from hypothesis import given
from hypothesis import strategies as st

from shared.smpp import codec
from shared.smpp.constants import (
    BIND_TRANSCEIVER,
    DELIVER_SM,
    ESME_RINVPARLEN,
    ESME_RTHROTTLED,
    MAX_PDU_LENGTH,
    MESSAGE_PAYLOAD,
    SUBMIT_SM,
    SUBMIT_SM_RESP,
)
from shared.smpp.errors import MalformedPdu, UnencodablePdu
from shared.smpp.pdu import BindRequest, DeliverSm, ResponseBody, ShortMessage, SubmitSm

octet = st.integers(0, 255)
sequence = st.integers(1, 0x7FFFFFFF)


def c_octets(longest: int) -> st.SearchStrategy[bytes]:
    return st.binary(max_size=longest).filter(lambda value: 0 not in value)


def ascii_octets(longest: int) -> st.SearchStrategy[bytes]:
    return st.text(st.characters(min_codepoint=1, max_codepoint=126), max_size=longest).map(str.encode)


def messages(
    kind: type[ShortMessage], text: st.SearchStrategy[bytes], longest: int = 40
) -> st.SearchStrategy[ShortMessage]:
    return st.builds(
        kind,
        service_type=text if longest > 20 else ascii_octets(5),
        source_addr_ton=octet,
        source_addr_npi=octet,
        source_addr=text,
        dest_addr_ton=octet,
        dest_addr_npi=octet,
        destination_addr=text,
        esm_class=octet,
        protocol_id=octet,
        priority_flag=octet,
        schedule_delivery_time=st.sampled_from([b"", b"261123010203004+"]),
        validity_period=st.sampled_from([b"", b"000002000000000R"]),
        registered_delivery=octet,
        replace_if_present_flag=octet,
        data_coding=octet,
        sm_default_msg_id=octet,
        short_message=st.binary(max_size=254),
        tlvs=st.lists(st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=80)), max_size=5).map(tuple),
    )


@given(messages(SubmitSm, c_octets(40)), sequence)
def test_a_submit_sm_comes_back_as_it_was(message: SubmitSm, number: int) -> None:
    octets = codec.encode_message(SUBMIT_SM, number, message)

    assert codec.HEADER.unpack_from(octets) == (len(octets), SUBMIT_SM, 0, number)
    assert codec.decode_submit_sm(octets[16:]) == message


@given(messages(DeliverSm, c_octets(40)), st.binary(max_size=3))
def test_a_deliver_sm_comes_back_with_its_tail(message: DeliverSm, tail: bytes) -> None:
    octets = codec.encode_message(DELIVER_SM, 7, message) + tail

    decoded = codec.decode_deliver_sm(octets[16:])

    assert (decoded.tail, decoded.tlvs, decoded.short_message) == (tail, message.tlvs, message.short_message)


ORACLE_FIELDS = [field for field in ShortMessage.__struct_fields__ if field not in ("tlvs", "tail")]


@pytest.mark.parametrize(("kind", "command_id"), [(SubmitSm, SUBMIT_SM), (DeliverSm, DELIVER_SM)])
@given(given_message=st.data(), number=sequence)
def test_an_independent_codec_reads_what_we_write(
    kind: type[ShortMessage], command_id: int, given_message: st.DataObject, number: int
) -> None:
    message = given_message.draw(messages(kind, ascii_octets(20), longest=20))

    theirs = smpp34.decode(codec.encode_message(command_id, number, message))

    assert isinstance(theirs, smpp34.SubmitSm | smpp34.DeliverSm)
    assert theirs.sequence_number == number
    for field in ORACLE_FIELDS:
        ours, read = getattr(message, field), getattr(theirs, field)
        assert (read.encode() if isinstance(read, str) else read) == ours, field
    assert tuple((tlv.tag, bytes(tlv.value)) for tlv in theirs.tlvs) == message.tlvs


@pytest.mark.parametrize(
    ("kind", "oracle", "command_id"),
    [(SubmitSm, smpp34.SubmitSm, SUBMIT_SM), (DeliverSm, smpp34.DeliverSm, DELIVER_SM)],
)
@given(given_message=st.data(), number=sequence)
def test_we_write_what_an_independent_codec_writes_and_read_it_back(
    kind: type[ShortMessage], oracle: type, command_id: int, given_message: st.DataObject, number: int
) -> None:
    message = given_message.draw(messages(kind, ascii_octets(20), longest=20))
    fields = {
        field: value.decode() if isinstance(value := getattr(message, field), bytes) else value
        for field in ORACLE_FIELDS
        if field != "short_message"
    }
    tlvs = [smpp34.Tlv(tag, value) for tag, value in message.tlvs]

    theirs = oracle(**fields, short_message=message.short_message, tlvs=tlvs, sequence_number=number).encode()

    assert theirs == codec.encode_message(command_id, number, message)
    assert (codec.decode_submit_sm if kind is SubmitSm else codec.decode_deliver_sm)(theirs[16:]) == message


@given(st.binary(max_size=120))
def test_any_octets_decode_or_are_called_malformed(body: bytes) -> None:
    for decode in (codec.decode_submit_sm, codec.decode_deliver_sm, codec.decode_bind):
        with contextlib.suppress(MalformedPdu):
            decode(body)


@given(st.binary(max_size=120))
def test_no_response_body_is_an_error(body: bytes) -> None:
    assert 0 not in codec.decode_response(body).id


FULL = SubmitSm(
    source_addr=b"Budstikke",
    destination_addr=b"4799999999",
    validity_period=b"000002000000000R",
    short_message=b"hei",
    tlvs=((MESSAGE_PAYLOAD, b"payload"),),
)
FULL_BODY = codec.encode_message(SUBMIT_SM, 1, FULL)[16:]
WITHOUT_TLVS = len(FULL_BODY) - 4 - len(b"payload")


@pytest.mark.parametrize("length", [length for length in range(len(FULL_BODY)) if length != WITHOUT_TLVS])
def test_a_submit_sm_cut_short_anywhere_is_malformed(length: int) -> None:
    with pytest.raises(MalformedPdu) as caught:
        codec.decode_submit_sm(FULL_BODY[:length])

    assert caught.value.status == ESME_RINVPARLEN


def test_c11_octets_outside_ascii_are_kept() -> None:
    message = DeliverSm(source_addr=b"Bl\xe5b\xe6r", short_message=b"\xff\x00")

    assert codec.decode_deliver_sm(codec.encode_message(DELIVER_SM, 1, message)[16:]) == message


def test_c12_an_address_of_any_length_is_read() -> None:
    message = DeliverSm(source_addr=b"4" * 500)

    assert codec.decode_deliver_sm(codec.encode_message(DELIVER_SM, 1, message)[16:]).source_addr == b"4" * 500


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", ResponseBody()),
        (b"\0", ResponseBody(b"")),
        (b"12\0", ResponseBody(b"12")),
        (b"12", ResponseBody(b"12", (), "id without NUL")),
        (b"\xe512\0", ResponseBody(b"\xe512")),
        (b"12\0\x00\x1d\x00\x02no", ResponseBody(b"12", ((0x1D, b"no"),))),
        (b"12\0\x00\x1d\x00\x09no", ResponseBody(b"12", (), "TLV with a wrong length")),
    ],
    ids=["no body", "empty id", "id", "c10 no NUL", "c9 Latin-1", "c8 with a TLV", "c39 wrong TLV length"],
)
def test_response_bodies_as_peers_send_them(body: bytes, expected: ResponseBody) -> None:
    assert codec.decode_response(body) == expected


def test_an_error_response_without_anything_to_say_has_no_body() -> None:
    assert codec.encode_response(SUBMIT_SM, ESME_RTHROTTLED, 9) == codec.encode_header(
        SUBMIT_SM_RESP, ESME_RTHROTTLED, 9
    )


def test_a_bind_comes_back_as_it_was_with_a_long_password() -> None:
    bind = BindRequest(b"budstikke", b"a password of thirty characters", b"sms", 0x34, 5, 9, b"^47")

    assert codec.decode_bind(codec.encode_bind(BIND_TRANSCEIVER, 1, bind)[16:]) == bind


@pytest.mark.parametrize(
    "message",
    [
        SubmitSm(source_addr=b"a\0b"),
        SubmitSm(destination_addr=b"\0"),
        SubmitSm(short_message=bytes(255)),
        SubmitSm(data_coding=256),
        SubmitSm(esm_class=-1),
        SubmitSm(tlvs=((0x10000, b""),)),
        SubmitSm(tlvs=((1, bytes(0x10000)),)),
        SubmitSm(tlvs=((1, bytes(0xFFFF)), (2, bytes(0xFFFF)))),
    ],
    ids=["NUL in source", "NUL in destination", "text", "octet", "negative", "tag", "TLV", "whole PDU"],
)
def test_what_does_not_fit_is_refused(message: SubmitSm) -> None:
    with pytest.raises(UnencodablePdu):
        codec.encode_message(SUBMIT_SM, 1, message)


def test_the_largest_payload_fits_the_longest_pdu() -> None:
    octets = codec.encode_message(SUBMIT_SM, 1, SubmitSm(tlvs=((MESSAGE_PAYLOAD, bytes(0xFFFF)),)))

    assert len(octets) < MAX_PDU_LENGTH


@pytest.mark.parametrize("shown", [FULL, BindRequest(b"me", b"hunter2hunter2")], ids=["message", "bind"])
def test_no_address_text_or_password_is_shown(shown: object) -> None:
    for secret in ("Budstikke", "4799999999", "hei", "payload", "hunter2"):
        assert secret not in repr(shown)
