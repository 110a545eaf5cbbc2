"""Texts to send, rich in what is hard to cut, and how to read what was cut."""

from __future__ import annotations

from hypothesis import strategies as st

from shared.text import gsm
from shared.text.segments import Coding, Segments

sendable_texts = st.one_of(
    st.text(st.sampled_from("aæ €[\f@"), max_size=700),
    st.text(st.sampled_from("aЖ€😀"), max_size=400),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x1b")),
)


def said_by_each_part(cut: Segments) -> list[str]:
    """What each part says by itself: fails where a pair is split."""
    if cut.coding is Coding.GSM7:
        return [gsm.decode(part.payload) for part in cut.parts]
    return [part.payload.decode("utf-16-be") for part in cut.parts]
