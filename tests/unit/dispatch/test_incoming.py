"""Reading a `deliver_sm` from a handset: whatever it holds, it is read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.dispatch.sender.incoming import Incoming, Reading, inbound_id_of, incoming
from shared.contracts.inbound import InboundCoding, PartOf
from shared.smpp.codings import Alphabet
from shared.smpp.constants import MESSAGE_PAYLOAD, USER_MESSAGE_REFERENCE
from shared.smpp.pdu import DeliverSm

HANDSET = b"4790000001"


def read(octets: bytes = b"hei", reading: Reading = Reading(), **fields: object) -> Incoming:  # noqa: B008
    pdu = DeliverSm(source_addr_ton=1, source_addr=HANDSET, destination_addr=b"2012", short_message=octets)
    changed = {name: getattr(pdu, name) for name in pdu.__struct_fields__} | fields
    return incoming("fjord", "fjord-1", DeliverSm(**changed), reading)


@pytest.mark.parametrize(
    ("octets", "data_coding", "text", "coding"),
    [
        (b"bl\x0cb\x0fr", 0x00, "bløbår", InboundCoding.GSM7),
        (b"", 0x00, "", InboundCoding.GSM7),
        (b"hei", 0x01, "hei", InboundCoding.GSM7),
        (b"hei", 0x10, "hei", InboundCoding.GSM7),
        (b"hei", 0xF1, "hei", InboundCoding.GSM7),
        ("blåbær".encode("latin-1"), 0x00, "blåbær", InboundCoding.LATIN1),
        ("blåbær".encode("latin-1"), 0x03, "blåbær", InboundCoding.LATIN1),
        ("på 😀".encode("utf-16-be"), 0x08, "på 😀", InboundCoding.UCS2),
        ("på".encode("utf-16-be"), 0xE0, "på", InboundCoding.UCS2),
        (b"\xd8\x00", 0x08, "d800", InboundCoding.BINARY),
        (b"\x01\xff", 0x04, "01ff", InboundCoding.BINARY),
        (b"\x01\xff", 0xF5, "01ff", InboundCoding.BINARY),
    ],
)
def test_a_text_is_read_in_its_alphabet_and_else_kept_as_octets(
    octets: bytes, data_coding: int, text: str, coding: InboundCoding
) -> None:
    found = read(octets, data_coding=data_coding)
    assert (found.content, found.coding) == (text, coding)


def test_an_operator_may_write_in_its_own_way() -> None:
    assert read(b"a@b", Reading(ia5=Alphabet.LATIN1), data_coding=1).content == "a@b"
    assert read(bytes.fromhex("e8329bfd4697d9ec37"), Reading(packed=True)).content == "hellohello"
    assert read(b"\0h\0e", Reading(packed=True), data_coding=8).content == "he"


def test_packed_septets_of_a_part_are_unpacked_behind_the_bits_that_fill_up_its_header() -> None:
    part = read(bytes.fromhex("0500034d0201") + bytes.fromhex("d0e5"), Reading(packed=True), esm_class=0x40)
    assert (part.content, part.coding) == (b"he".hex(), InboundCoding.GSM7)


def test_a_text_in_message_payload_is_read() -> None:
    assert read(b"", tlvs=((MESSAGE_PAYLOAD, b"hei"),)).content == "hei"


@pytest.mark.parametrize(
    ("octets", "ton", "number"),
    [
        (HANDSET, 1, "+4790000001"),
        (HANDSET, 0, "+4790000001"),
        (b"+4790000001", 0, "+4790000001"),
        (b"90000001", 2, "+4790000001"),
        (b"004790000001", 0, "+4790000001"),
        (b"46701740605", 1, "+46701740605"),
        (b"4758" + b"0" * 10, 1, "+4758" + "0" * 10),
        (b"2012", 3, "2012"),
        (b"Skolen", 5, "Skolen"),
        (b"\xe5\xff", 5, "åÿ"),
        (b"", 0, ""),
        (b"999", 0, "999"),
    ],
)
def test_numbers_become_e164_where_they_can(octets: bytes, ton: int, number: str) -> None:
    assert read(source_addr=octets, source_addr_ton=ton).from_ == number
    assert read(destination_addr=octets, dest_addr_ton=ton).to == number


@pytest.mark.parametrize(
    ("fields", "part_of"),
    [
        ({"octets": b"\x05\x00\x03\x4d\x02\x01hei", "esm_class": 0x40}, PartOf(reference=77, part=1, parts=2)),
        ({"octets": b"\x06\x08\x04\x01\x4d\x03\x03hei", "esm_class": 0x40}, PartOf(reference=333, part=3, parts=3)),
        (
            {"octets": b"hei", "tlvs": ((0x020C, b"\0\7"), (0x020E, b"\2"), (0x020F, b"\1"))},
            PartOf(reference=7, part=1, parts=2),
        ),
    ],
)
def test_a_part_of_a_long_message_keeps_its_octets_and_says_what_they_are(
    fields: dict[str, object], part_of: PartOf
) -> None:
    found = read(**fields)  # type: ignore[arg-type]
    assert (found.content, found.coding, found.part_of) == (b"hei".hex(), InboundCoding.GSM7, part_of)


def test_half_an_emoji_at_the_end_of_a_part_stays_with_its_part() -> None:
    found = read(b"\x05\x00\x03\x4d\x02\x01\xd8\x3d", esm_class=0x40, data_coding=8)
    assert (found.content, found.coding) == ("d83d", InboundCoding.UCS2)


@pytest.mark.parametrize("header", ["0500034d0101", "0500034d0209", "0500ff4d0201"])
def test_a_header_that_names_no_place_is_no_part(header: str) -> None:
    found = read(bytes.fromhex(header) + b"hei", esm_class=0x40)
    assert (found.content, found.part_of) == ("hei", None)


def test_a_header_longer_than_the_message_is_content() -> None:
    assert read(b"hei", esm_class=0x40).content == "hei"


def test_the_same_delivery_has_the_same_id_and_another_another() -> None:
    same, parts = read(), b"\x05\x00\x03\x4d\x02"
    assert read().inbound_id == same.inbound_id
    others = [
        read(b"Hei"),
        read(source_addr=b"4790000002"),
        read(destination_addr=b"2013"),
        read(data_coding=3),
        read(tlvs=((USER_MESSAGE_REFERENCE, b"\0\1"),)),
        read(tlvs=((USER_MESSAGE_REFERENCE, b"\0\2"),)),
        read(schedule_delivery_time=b"261123080000000+"),
        read(parts + b"\1hei", esm_class=0x40),
        read(parts + b"\2hei", esm_class=0x40),
    ]
    assert len({same.inbound_id, *(other.inbound_id for other in others)}) == len(others) + 1
    assert inbound_id_of("fjord", "other", DeliverSm()) != inbound_id_of("fjord", "fjord-1", DeliverSm())


@given(
    st.binary(max_size=200),
    st.integers(0, 255),
    st.integers(0, 255),
    st.binary(max_size=21),
    st.lists(st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=8)), max_size=4),
)
def test_nothing_an_operator_sends_raises(
    octets: bytes, data_coding: int, esm_class: int, number: bytes, tlvs: list[tuple[int, bytes]]
) -> None:
    found = read(
        octets, data_coding=data_coding, esm_class=esm_class, source_addr=number, source_addr_ton=0, tlvs=tuple(tlvs)
    )
    found.content.encode()
    found.from_.encode()
