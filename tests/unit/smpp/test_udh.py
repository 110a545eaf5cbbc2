"""User data headers as handsets and gateways really write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.smpp.udh import Place, divide, elements, place_in_header, place_in_tlvs


@pytest.mark.parametrize(
    ("header", "place"),
    [
        ("00034d0201", Place(77, 2, 1)),
        ("0804014d0303", Place(333, 3, 3)),
        ("0003000202", Place(0, 2, 2)),
        ("0504158100000003 4d0202", Place(77, 2, 2)),
        ("2401 01 2501 03 00034d0202", Place(77, 2, 2)),  # national language tables in front
        ("00034d0202 2401", Place(77, 2, 2)),  # cut short behind it
        ("00034d0201 00034e0202", Place(78, 2, 2)),  # repeated: the last counts
        ("00034d0201 0804014d0302", Place(333, 3, 2)),
        ("00034d0201 00034e0000", Place(77, 2, 1)),  # ... of those that make sense
        ("00034d0101", None),
        ("00034d0200", None),
        ("00034d0203", None),
        ("00034d0000", None),
        ("0002ff4d", None),
        ("00044d020100", None),
        ("08034d0201", None),
        ("7f", None),
        ("", None),
    ],
)
def test_the_place_of_a_part_in_its_header(header: str, place: Place | None) -> None:
    assert place_in_header(bytes.fromhex(header.replace(" ", ""))) == place


@pytest.mark.parametrize(
    ("tlvs", "place"),
    [
        (((0x020C, b"\x01\x4d"), (0x020E, b"\2"), (0x020F, b"\1")), Place(333, 2, 1)),
        (((0x020F, b"\2"), (0x1401, b"x"), (0x020E, b"\2"), (0x020C, b"\7")), Place(7, 2, 2)),
        (((0x020C, b"\0\7"), (0x020E, b"\2")), None),
        (((0x020C, b"\0\7"), (0x020F, b"\1")), None),
        (((0x020E, b"\2"), (0x020F, b"\1")), None),
        (((0x020C, b""), (0x020E, b""), (0x020F, b"")), None),
        (((0x020C, b"\0\7"), (0x020E, b"\1"), (0x020F, b"\1")), None),
        ((), None),
    ],
)
def test_the_place_of_a_part_in_its_tlvs(tlvs: tuple[tuple[int, bytes], ...], place: Place | None) -> None:
    assert place_in_tlvs(tlvs) == place


@pytest.mark.parametrize(
    ("octets", "header", "rest"),
    [
        (b"\x05\x00\x03\x4d\x02\x01hei", b"\x00\x03\x4d\x02\x01", b"hei"),
        (b"\x00hei", b"", b"hei"),
        (b"\x05\x00\x03\x4d\x02\x01", b"\x00\x03\x4d\x02\x01", b""),
        (b"hei", b"", b"hei"),
        (b"", b"", b""),
    ],
)
def test_a_header_is_told_from_the_text(octets: bytes, header: bytes, rest: bytes) -> None:
    assert divide(octets) == (header, rest)


@given(st.binary(max_size=140))
def test_no_header_raises(octets: bytes) -> None:
    header, rest = divide(octets)
    assert octets.endswith(header + rest)
    place_in_header(header)
    assert sum(2 + len(data) for _, data in elements(header)) <= len(header)
