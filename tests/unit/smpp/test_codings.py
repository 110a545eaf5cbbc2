"""`data_coding` as peers really fill it in, and the text behind it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.smpp.codings import Alphabet, alphabet, read, unpack

GSM7, LATIN1, UCS2, BINARY = Alphabet


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0x00], GSM7),
        ([0x01], GSM7),
        ([0x02, 0x04], BINARY),
        ([0x03], LATIN1),
        ([0x08], UCS2),
        ([0x05, 0x06, 0x07, 0x09, 0x0A, 0x0D, 0x0E, 0x0F], BINARY),
        ([0x10, 0x11, 0x12, 0x13], GSM7),
        ([0x14, 0x15, 0x16, 0x17], BINARY),
        ([0x18, 0x19, 0x1A, 0x1B], UCS2),
        ([0x1C, 0x40, 0x50], GSM7),
        ([0x48, 0x5A], UCS2),
        ([0x20, 0x28, 0x30, 0x38, 0x60, 0x7F], BINARY),
        (range(0x80, 0xC0), GSM7),
        (range(0xC0, 0xE0), GSM7),
        (range(0xE0, 0xF0), UCS2),
        ([0xF0, 0xF1, 0xF2, 0xF3, 0xF8, 0xFB], GSM7),
        ([0xF4, 0xF5, 0xF6, 0xF7, 0xFC, 0xFF], BINARY),
    ],
)
def test_each_value_has_its_alphabet(values: list[int], expected: Alphabet) -> None:
    assert {alphabet(value) for value in values} == {expected}


def test_what_1_means_is_the_operators() -> None:
    at_sign = b"\x40"
    assert read(at_sign, alphabet(0x01)) == ("¡", GSM7)
    assert read(at_sign, alphabet(0x01, ia5=LATIN1)) == ("@", LATIN1)
    assert alphabet(0x03, ia5=GSM7) is LATIN1


@pytest.mark.parametrize(
    ("octets", "of", "text", "found"),
    [
        (b"bl\x0cb\x0fr\x1be", GSM7, "bløbår€", GSM7),
        (b"\x1b\x1b", GSM7, " ", GSM7),
        ("blåbær".encode("latin-1"), GSM7, "blåbær", LATIN1),
        ("på 😀".encode("utf-16-be"), UCS2, "på 😀", UCS2),
        (b"hei\x1b", GSM7, "6865691b", BINARY),
        (b"\xd8\x3d", UCS2, "d83d", BINARY),
        (b"\x00", UCS2, "00", BINARY),
        (b"hei", BINARY, "686569", BINARY),
        (b"", GSM7, "", GSM7),
    ],
)
def test_a_text_is_read_and_else_kept_as_octets(octets: bytes, of: Alphabet, text: str, found: Alphabet) -> None:
    assert read(octets, of) == (text, found)


@given(st.integers(-1, 300), st.binary(max_size=300), st.integers(0, 140))
def test_nothing_raises_and_nothing_is_lost(value: int, octets: bytes, header: int) -> None:
    of = alphabet(value)
    text, found = read(octets, of)
    text.encode()
    if found is BINARY:
        assert bytes.fromhex(text) == octets
    assert unpack(octets, header).isascii()


def packed(septets: bytes, header: int = 0) -> bytes:
    """As the standard draws it: bit by bit, the lowest first, behind a header filled up to a whole septet."""
    bits = [0] * (-header * 8 % 7) + [septet >> bit & 1 for septet in septets for bit in range(7)]
    bits += [0] * (-len(bits) % 8)
    return bytes(sum(bit << index for index, bit in enumerate(bits[at : at + 8])) for at in range(0, len(bits), 8))


def test_the_standards_own_example_is_unpacked() -> None:
    assert unpack(bytes.fromhex("e8329bfd4697d9ec37")) == b"hellohello"


@given(st.binary(max_size=160).map(lambda octets: bytes(octet & 0x7F for octet in octets)), st.integers(0, 20))
def test_packed_septets_come_back_behind_any_header(septets: bytes, header: int) -> None:
    ambiguous = septets[-1:] in (b"\x00", b"\x0d")
    assert unpack(packed(septets, header), header) == septets or ambiguous


def test_seven_bits_left_over_are_no_at_sign() -> None:
    assert unpack(packed(b"sevenah")) == b"sevenah"
    assert unpack(packed(b"sevenah\r")) == b"sevenah"
