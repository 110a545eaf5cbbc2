"""Cutting a stream into PDUs."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.smpp.codec import encode_header
from shared.smpp.constants import ENQUIRE_LINK, MAX_PDU_LENGTH
from shared.smpp.framing import Frame, Framer

frames = st.lists(
    st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.binary(max_size=60)),
    max_size=8,
)


def on_the_wire(frame: Frame) -> bytes:
    command_id, status, sequence, body = frame
    return struct.pack(">IIII", 16 + len(body), command_id, status, sequence) + body


@given(frames, st.lists(st.integers(1, 40)))
def test_any_cutting_of_the_stream_gives_the_same_frames(sent: list[Frame], cuts: list[int]) -> None:
    stream = b"".join(on_the_wire(frame) for frame in sent)
    framer, got = Framer(), []
    for size in cuts:
        got += framer.feed(stream[:size])
        stream = stream[size:]
    got += framer.feed(stream)

    assert got == sent
    assert not framer.broken


@pytest.mark.parametrize(
    "length", [0, 1, 15, MAX_PDU_LENGTH + 1, 16 * 1024 * 1024, 0xFFFFFFFF], ids=lambda length: f"{length} octets"
)
def test_an_impossible_length_breaks_the_stream_at_once(length: int) -> None:
    framer = Framer()

    got = framer.feed(encode_header(ENQUIRE_LINK, 0, 1) + length.to_bytes(4))

    assert got == [(ENQUIRE_LINK, 0, 1, b"")]
    assert framer.broken
    assert framer.feed(encode_header(ENQUIRE_LINK, 0, 2)) == []


@pytest.mark.parametrize("length", [16, MAX_PDU_LENGTH])
def test_the_shortest_and_the_longest_length_are_taken(length: int) -> None:
    framer = Framer()

    assert len(framer.feed(struct.pack(">IIII", length, ENQUIRE_LINK, 0, 1) + bytes(length - 16))) == 1
    assert not framer.broken


def test_a_long_pdu_in_single_octets_is_not_copied_again_and_again() -> None:
    framer = Framer()
    octets = struct.pack(">IIII", MAX_PDU_LENGTH, ENQUIRE_LINK, 0, 1) + bytes(MAX_PDU_LENGTH - 16)

    for octet in octets[:-1]:
        assert framer.feed(bytes((octet,))) == []

    assert len(framer.feed(octets[-1:])) == 1
