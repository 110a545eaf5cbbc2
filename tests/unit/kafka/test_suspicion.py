"""What is suspected survives in a note, and a note that is none of ours means nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kafka.suspicion import Suspicion, read_note


@given(st.integers(0, 2**63 - 1), st.integers(0, 100))
def test_a_suspicion_comes_back_from_its_note(offset: int, strikes: int) -> None:
    assert read_note(Suspicion(offset, strikes).note) == Suspicion(offset, strikes)


@pytest.mark.parametrize("note", ["", "suspect=;strikes=1", "suspect=1;strikes=1;", "hello", "suspect=-1;strikes=1"])
def test_another_note_is_no_suspicion(note: str) -> None:
    assert read_note(note) is None
