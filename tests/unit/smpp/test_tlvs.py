"""Optional parameters are interpreted late, and nothing in them is an error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.smpp.constants import MESSAGE_STATE, RECEIPTED_MESSAGE_ID, USER_MESSAGE_REFERENCE
from shared.smpp.tlvs import INTEGERS, c_string, integer

VENDOR = 0x1401


@pytest.mark.parametrize(
    ("tag", "value", "expected"),
    [
        (MESSAGE_STATE, b"\2", 2),
        (USER_MESSAGE_REFERENCE, b"\1\2", 0x0102),
        (VENDOR, b"\1\2\3", 0x010203),
        (VENDOR, b"", 0),
    ],
)
def test_an_integer_has_the_length_of_its_tag_and_a_vendors_any(tag: int, value: bytes, expected: int) -> None:
    oddities: list[str] = []

    assert integer(((tag, value),), tag, oddities) == expected
    assert oddities == []


@pytest.mark.parametrize("tag", INTEGERS)
def test_an_integer_of_another_length_is_an_oddity(tag: int) -> None:
    oddities: list[str] = []

    assert integer(((tag, bytes(INTEGERS[tag][1] + 1)),), tag, oddities) is None
    assert oddities == [f"{INTEGERS[tag][0]} with a wrong length"]


def test_what_is_not_there_is_no_oddity() -> None:
    oddities: list[str] = []

    assert integer((), MESSAGE_STATE, oddities) is None
    assert c_string((), RECEIPTED_MESSAGE_ID) is None
    assert oddities == []


@pytest.mark.parametrize("value", [b"12\0", b"12", b"12\0rest"], ids=["closed", "open", "with more"])
def test_a_c_octet_string_ends_at_its_nul_or_without(value: bytes) -> None:
    assert c_string(((RECEIPTED_MESSAGE_ID, value),), RECEIPTED_MESSAGE_ID) == b"12"


@given(
    st.lists(st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=9)), max_size=5).map(tuple),
    st.sampled_from(list(INTEGERS)),
)
def test_nothing_raises(tlvs: tuple[tuple[int, bytes], ...], tag: int) -> None:
    integer(tlvs, tag, [])
    c_string(tlvs, tag)
