"""Delivery receipts as operators really send them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.smpp.constants import (
    ESM_CLASS_DELIVERY_RECEIPT,
    ESM_CLASS_INTERMEDIATE,
    MESSAGE_PAYLOAD,
    MESSAGE_STATE,
    NETWORK_ERROR_CODE,
    RECEIPTED_MESSAGE_ID,
)
from shared.smpp.pdu import DeliverSm, Tlvs
from shared.smpp.receipts import NetworkError, Receipt, ReceiptState, _unusual, _usual, build, id_candidates, parse

STANDARD = (
    b"id:0123456789 sub:001 dlvrd:001 submit date:2611230102 done date:2611230104 stat:DELIVRD err:000 text:hei du"
)


def receipt(text: bytes = b"", tlvs: Tlvs = (), data_coding: int = 0) -> Receipt:
    parsed = parse(
        DeliverSm(esm_class=ESM_CLASS_DELIVERY_RECEIPT, short_message=text, tlvs=tlvs, data_coding=data_coding)
    )
    assert parsed is not None
    return parsed


def test_the_text_of_the_specification_is_read() -> None:
    assert receipt(STANDARD) == Receipt(
        message_id=b"0123456789",
        state=ReceiptState.DELIVERED,
        state_text="DELIVRD",
        err="000",
        submitted_at=datetime(2026, 11, 23, 1, 2, tzinfo=UTC),
        done_at=datetime(2026, 11, 23, 1, 4, tzinfo=UTC),
    )


def test_tlvs_come_before_the_text() -> None:
    parsed = receipt(STANDARD, ((RECEIPTED_MESSAGE_ID, b"ABC\0"), (MESSAGE_STATE, b"\5")))

    assert (parsed.message_id, parsed.state) == (b"ABC", ReceiptState.UNDELIVERABLE)


def test_tlvs_alone_are_enough() -> None:
    parsed = receipt(b"", ((RECEIPTED_MESSAGE_ID, b"\xe5bc"), (MESSAGE_STATE, b"\3")))

    assert (parsed.message_id, parsed.state) == (b"\xe5bc", ReceiptState.EXPIRED)


def test_c15_a_message_state_of_five_octets_is_an_oddity_and_the_text_decides() -> None:
    parsed = receipt(STANDARD, ((MESSAGE_STATE, b"\0\0\0\0\2"),))

    assert parsed.state is ReceiptState.DELIVERED
    assert parsed.oddities == ("message_state with a wrong length",)


def test_c16_a_network_error_code_of_three_octets_is_read() -> None:
    assert receipt(STANDARD, ((NETWORK_ERROR_CODE, b"\3\0\x1b"),)).network_error == NetworkError(3, 27)


def test_a_network_error_code_of_four_octets_is_an_oddity() -> None:
    parsed = receipt(STANDARD, ((NETWORK_ERROR_CODE, b"\3\0\0\x1b"),))

    assert parsed.network_error is None
    assert parsed.oddities == ("network_error_code with a wrong length",)


@pytest.mark.parametrize(
    ("text", "err"),
    [(b"err:0A1", "0A1"), (b"err: text:hei", ""), (b"err:", ""), (b"err:03:001", "03:001"), (b"err: 12", "12")],
)
def test_c17_err_in_receipts_is_a_string(text: bytes, err: str) -> None:
    assert receipt(b"id:1 stat:UNDELIV " + text).err == err


@pytest.mark.parametrize(
    ("digits", "expected"),
    [
        (b"2611230102", datetime(2026, 11, 23, 1, 2, tzinfo=UTC)),
        (b"261123010203", datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)),
        (b"202611230102", datetime(2026, 11, 23, 1, 2, tzinfo=UTC)),
        (b"20261123010203", datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)),
        (b"0000000000", None),
        (b"000000000000", None),
        (b"2613400000", None),
        (b"26112", None),
        (b"", None),
        (b"now", None),
    ],
)
def test_c18_dates_with_and_without_seconds_and_zero_dates(digits: bytes, expected: datetime | None) -> None:
    assert receipt(b"id:1 done date:" + digits + b" stat:DELIVRD").done_at == expected


def test_dates_are_in_the_operators_zone() -> None:
    oslo = ZoneInfo("Europe/Oslo")

    parsed = parse(DeliverSm(esm_class=ESM_CLASS_DELIVERY_RECEIPT, short_message=STANDARD), oslo)

    assert parsed is not None
    assert parsed.done_at == datetime(2026, 11, 23, 1, 4, tzinfo=oslo)


def test_c19_a_space_after_the_colon_is_no_empty_id() -> None:
    assert receipt(b"id: 1234 sub:001 stat:DELIVRD").message_id == b"1234"


@pytest.mark.parametrize(
    ("word", "state"),
    [
        (b"DELIVRD", ReceiptState.DELIVERED),
        (b"delivered", ReceiptState.DELIVERED),
        (b"UNDELIV", ReceiptState.UNDELIVERABLE),
        (b"UNDELIVERABLE", ReceiptState.UNDELIVERABLE),
        (b"ACCEPTD", ReceiptState.ACCEPTED),
        (b"REJECTD", ReceiptState.REJECTED),
        (b"ENROUTE", ReceiptState.ENROUTE),
        (b"EXPIRED", ReceiptState.EXPIRED),
        (b"DELETED", ReceiptState.DELETED),
        (b"UNKNOWN", ReceiptState.UNKNOWN),
        (b"NONSENSE", ReceiptState.UNKNOWN),
    ],
)
def test_state_words(word: bytes, state: ReceiptState) -> None:
    assert receipt(b"id:1 stat:" + word).state is state


def test_a_receipt_in_message_payload_and_ucs2_is_read() -> None:
    parsed = receipt(b"", ((MESSAGE_PAYLOAD, STANDARD.decode().encode("utf-16-be")),), data_coding=8)

    assert (parsed.message_id, parsed.state) == (b"0123456789", ReceiptState.DELIVERED)


def test_what_the_quoted_text_says_does_not_count() -> None:
    assert receipt(b"id:1 stat:DELIVRD text:id:2 stat:EXPIRED err:9").err == ""
    assert receipt(b"id:1 stat:DELIVRD text:id:2 stat:EXPIRED").message_id == b"1"


def test_a_handset_cannot_write_a_receipt() -> None:
    assert parse(DeliverSm(esm_class=0, short_message=STANDARD)) is None


def test_an_intermediate_notification_is_a_receipt_that_is_not_final() -> None:
    parsed = parse(DeliverSm(esm_class=ESM_CLASS_INTERMEDIATE, short_message=b"id:1 stat:ENROUTE"))

    assert parsed is not None
    assert not parsed.final


@given(st.binary(max_size=254), st.lists(st.tuples(st.sampled_from([0x1E, 0x423, 0x424, 0x427]), st.binary())))
def test_no_receipt_raises(text: bytes, tlvs: list[tuple[int, bytes]]) -> None:
    for data_coding in (0, 8):
        receipt(text, tuple(tlvs), data_coding)


_USUAL_TEXT = {
    b"id:": rb"[!-9;-~]{1,12}",
    b" sub:": rb"[0-9]{1,3}",
    b" dlvrd:": rb"[0-9]{1,3}",
    b" submit date:": rb"[0-9]{10,12}",
    b" done date:": rb"[0-9]{10,12}",
    b" stat:": rb"[A-Z]{5,8}",
    b" err:": rb"[!-9;-~]{1,4}",
    b" text:": rb"(?s).{0,30}",
}
_ODD = st.sampled_from(
    [b"", b" 1", b"1 2", b"a:b", b"id:7", b"text:", b"\xe5", b"\x85", b"\xa0", b"\x1f", b"\0", b"1\n"]
)


@given(
    st.tuples(*(st.from_regex(form, fullmatch=True) for form in _USUAL_TEXT.values())),
    st.dictionaries(st.integers(0, 7), _ODD, max_size=2),
    st.integers(6, 8),
)
def test_the_quick_reader_of_the_usual_form_says_what_the_other_says(
    values: tuple[bytes, ...], odd: dict[int, bytes], keys: int
) -> None:
    pieces = [key + odd.get(place, value) for place, (key, value) in enumerate(zip(_USUAL_TEXT, values, strict=True))]
    message = DeliverSm(short_message=b"".join(pieces[:keys]))
    quickly = _usual(message)

    if quickly is not None or (not odd and keys > 6):
        assert quickly == _unusual(message)


def test_what_most_operators_send_is_read_quickly() -> None:
    for text in (STANDARD, STANDARD[: STANDARD.index(b" text")], STANDARD.replace(b"0123456789", b"a-1.B_c")):
        assert _usual(DeliverSm(short_message=text)) == _unusual(DeliverSm(short_message=text))


@given(st.text("0123456789x\u0660", max_size=15))
def test_a_time_is_read_as_its_digits_say(digits: str) -> None:
    found = receipt(b"id:1 done date:" + digits.encode("latin-1", "replace")).done_at

    if found is not None:
        assert digits in {found.strftime(f"{year}%m%d%H%M{rest}") for year in ("%y", "%Y") for rest in ("", "%S")}


@given(st.text("idsubtaerx:-0123456789 ", max_size=100), st.binary(max_size=5000))
def test_no_id_raises(text: str, other: bytes) -> None:
    id_candidates(receipt(text.encode()).message_id)
    assert id_candidates(other)[0] == other


@pytest.mark.parametrize(
    ("answered", "received"),
    [(b"26", b"1A"), (b"1a", b"26"), (b"0000001A", b"1a"), (b"1A", b"0000000026"), (b"abc-1", b"ABC-1"), (b"0", b"00")],
)
def test_an_id_is_found_whichever_base_each_side_writes(answered: bytes, received: bytes) -> None:
    assert set(id_candidates(answered)) & set(id_candidates(received))


@given(
    st.sampled_from(list(ReceiptState)),
    st.integers(1, 10**15),
    st.booleans(),
    st.integers(0, 52_000_000),
)
def test_what_is_built_is_read(state: ReceiptState, number: int, with_tlvs: bool, minutes: int) -> None:
    moment = datetime(2000, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)

    parsed = parse(
        build(
            message_id=b"%d" % number,
            state=state,
            submitted_at=moment,
            done_at=moment,
            source=(1, 1, b"4799999999"),
            destination=(5, 0, b"Budstikke"),
            err="0A1",
            text=b"x" * 40,
            network_error=NetworkError(3, 1),
            with_tlvs=with_tlvs,
        )
    )

    assert parsed is not None
    assert (parsed.message_id, parsed.state, parsed.err) == (b"%d" % number, state, "0A1")
    assert parsed.submitted_at == parsed.done_at == moment
    assert parsed.oddities == ()
