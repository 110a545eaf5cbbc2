"""Money is written in one way, and what is written can be typed in again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli import money

MOST = 10**11 - 1


@given(st.integers(-MOST, MOST))
def test_what_is_written_is_understood(ore: int) -> None:
    assert money.ore(money.crowns(ore)) == ore


@pytest.mark.parametrize(("text", "ore"), [("42", 4200), ("-2.00", -200), ("42.5", None), ("42,00", None), ("", None)])
def test_crowns_have_two_decimals_or_none(text: str, ore: int | None) -> None:
    assert money.ore(text) == ore
