"""From an order to the PDUs of its parts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.dispatch.sender.parts import LongMessages, absolute_time, erased, plan
from services.ingest.screening.facts import Form
from services.ingest.screening.rules.form import form
from shared.contracts.codec import read
from shared.contracts.events import DispatchOrdered
from shared.errors import BadRecord
from shared.smpp.codec import encode_message
from shared.smpp.constants import SUBMIT_SM
from shared.smpp.pdu import SubmitSm
from shared.text import gsm, segments
from tests.unit.dispatch.building import NUMBER, Letters, as_record


def pdus(order: DispatchOrdered, text: str, number: str = NUMBER) -> list[SubmitSm]:
    return [part.pdu for part in plan(order, number, text) if part.pdu is not None]


@pytest.mark.parametrize(
    ("text", "flash", "coding", "parts"),
    [
        ("hei på deg", False, 0x00, 1),
        ("hei på deg", True, 0x10, 1),
        ("hei 👋", False, 0x08, 1),
        ("hei 👋", True, 0x18, 1),
        ("x" * 161, False, 0x00, 2),
        ("ж" * 71, False, 0x08, 2),
    ],
)
def test_coding_class_and_parts(letters: Letters, text: str, flash: bool, coding: int, parts: int) -> None:
    planned = pdus(letters.order(text, flash=flash), text)

    assert [pdu.data_coding for pdu in planned] == [coding] * parts
    assert {pdu.esm_class for pdu in planned} == {0x40 if parts > 1 else 0}
    assert {pdu.registered_delivery for pdu in planned} == {1}


def test_norwegian_letters_and_escapes_are_unpacked_septets(letters: Letters) -> None:
    (pdu,) = pdus(letters.order("åØ€"), "åØ€")

    assert pdu.short_message == b"\x0f\x0b\x1b\x65"


def test_parts_carry_one_reference_and_count_from_one(letters: Letters) -> None:
    text = "y" * 400
    order = letters.order(text, message_id="01890000-0000-7000-8000-0000005a0003")

    headers = [pdu.short_message[:6] for pdu in pdus(order, text)]

    assert headers == [bytes((5, 0, 3, 0x5A, 3, part)) for part in (1, 2, 3)]
    assert [len(pdu.short_message) for pdu in pdus(order, text)] == [159, 159, 6 + 400 - 306]


def test_a_replayed_order_makes_the_same_octets(letters: Letters) -> None:
    text = "z" * 300
    order = letters.order(text)
    again = read(as_record("t", order, order.message.message_id, "id"))
    assert isinstance(again, DispatchOrdered)

    first = [encode_message(SUBMIT_SM, 1, pdu) for pdu in pdus(order, text)]

    assert [encode_message(SUBMIT_SM, 1, pdu) for pdu in pdus(again, text)] == first


@pytest.mark.parametrize(
    ("sender", "ton", "npi", "value"),
    [
        ("Budstikke", 5, 0, b"Budstikke"),
        ("Blåbær AS", 5, 0, "Blåbær AS".encode("latin-1")),
        ("+4798765432", 1, 1, b"4798765432"),
        ("2097", 3, 0, b"2097"),
    ],
)
def test_addresses(letters: Letters, sender: str, ton: int, npi: int, value: bytes) -> None:
    (pdu,) = pdus(letters.order(sender=sender), "hei")

    assert (pdu.source_addr_ton, pdu.source_addr_npi, pdu.source_addr) == (ton, npi, value)
    assert (pdu.dest_addr_ton, pdu.dest_addr_npi, pdu.destination_addr) == (1, 1, b"4798765432")


def test_validity_travels_as_absolute_time_in_utc(letters: Letters) -> None:
    oslo = timezone(timedelta(hours=2))

    assert absolute_time(datetime(2026, 7, 1, 1, 2, 3, 999_999, tzinfo=oslo)) == b"260630230203000+"
    (pdu,) = pdus(letters.order(valid_until=datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)), "hei")
    assert pdu.validity_period == b"261231235959000+"
    assert len(pdu.validity_period) == 16


def test_only_the_parts_asked_for(letters: Letters) -> None:
    text = "y" * 400

    assert [part.number for part in plan(letters.order(text, parts=(3, 1)), NUMBER, text)] == [1, 3]
    assert [part.number for part in erased(letters.order(text, parts=(3, 1)))] == [1, 3]
    assert [(part.number, part.pdu) for part in erased(letters.order(text))] == [(1, None), (2, None), (3, None)]


@pytest.mark.parametrize(("text", "size"), [("y" * 400, 153), ("ж" * 150, 134)])
def test_an_operator_may_be_told_places_by_tlvs_in_parts_of_the_same_size(
    letters: Letters, text: str, size: int
) -> None:
    order = letters.order(text, message_id="01890000-0000-7000-8000-0000005a0003")

    planned = [part.pdu for part in plan(order, NUMBER, text, "sar") if part.pdu is not None]

    assert [pdu.tlvs for pdu in planned] == [
        ((0x020C, b"\x00\x5a"), (0x020E, b"\x03"), (0x020F, bytes([part]))) for part in (1, 2, 3)
    ]
    assert {pdu.esm_class for pdu in planned} == {0}
    assert [len(pdu.short_message) for pdu in planned[:2]] == [size, size]
    assert [pdu.short_message for pdu in planned] == [part.payload for part in segments.split(text, 0).parts]


def test_an_operator_may_be_given_a_long_message_whole(letters: Letters) -> None:
    text = "€" * 200
    (part,) = plan(letters.order(text), NUMBER, text, "message_payload")

    assert (part.numbers, part.pdu is not None and part.pdu.tlvs) == ((1, 2, 3), ((0x0424, gsm.encode(text)),))
    assert part.pdu is not None
    assert (part.pdu.short_message, part.pdu.esm_class) == (b"", 0)
    assert [part.numbers for part in erased(letters.order(text), "message_payload")] == [(1, 2, 3)]


@pytest.mark.parametrize("way", ["sar", "message_payload"])
def test_a_short_message_is_the_same_for_every_operator(letters: Letters, way: LongMessages) -> None:
    order = letters.order("hei")
    assert plan(order, NUMBER, "hei", way) == plan(order, NUMBER, "hei")


@pytest.mark.parametrize("parts", [(1, 3), (1, 2, 3)])
def test_parts_that_an_order_names_go_in_parts(letters: Letters, parts: tuple[int, ...]) -> None:
    text = "y" * 400
    order = letters.order(text, parts=parts)
    assert plan(order, NUMBER, text, "message_payload") == plan(order, NUMBER, text)
    assert [part.numbers for part in erased(order, "message_payload")] == [(part,) for part in parts]


@pytest.mark.parametrize("parts", [(0,), (2,), (1, 2), (-1,)])
def test_a_part_that_is_not_there_is_a_bad_record(letters: Letters, parts: tuple[int, ...]) -> None:
    with pytest.raises(BadRecord, match="no_such_part"):
        plan(letters.order(parts=parts), NUMBER, "hei")
    with pytest.raises(BadRecord, match="no_such_part"):
        erased(letters.order(parts=parts))


_SENDERS = st.one_of(
    st.text("ABCabcæøåÄß 09.&_+!-", min_size=1, max_size=13),
    st.from_regex(r"\+?[0-9 ]{3,15}", fullmatch=True),
    st.sampled_from(["+4722222222", "98765432", "004798765432", " Firma ", "2097", "+14155552671"]),
)
_NUMBERS = st.one_of(
    st.from_regex(r"(\+47|0047|)[49][0-9]{7}", fullmatch=True),
    st.sampled_from(["+46701234567", "+14155552671", "+79161234567", "987 65 432", "+4 7-98765432", "+33612345678"]),
)


@settings(max_examples=150, deadline=None)
@given(sender=_SENDERS, number=_NUMBERS, text=st.text(min_size=1, max_size=400))
def test_whatever_screening_lets_pass_can_be_planned_and_encoded(sender: str, number: str, text: str) -> None:
    with TemporaryDirectory() as directory:
        letters = Letters(Path(directory))
        sealable = text.encode(errors="replace").decode()
        request = letters.requested(sealable, number, sender=sender)
        verdict = form(request, number, sealable, request.requested_at)
        if not isinstance(verdict, Form):
            return
        order = letters.order(sealable, verdict.number, sender=verdict.sender)

        planned = pdus(order, sealable, verdict.number)

        assert len(planned) == verdict.parts == segments.measure(sealable).parts
        for pdu in planned:
            assert len(encode_message(SUBMIT_SM, 1, pdu)) > 16
            assert pdu.dest_addr_ton == 1
            assert pdu.destination_addr == verdict.number[1:].encode()
            if pdu.source_addr_ton == 1:
                assert pdu.source_addr == verdict.sender[1:].encode()
