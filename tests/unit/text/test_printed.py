from __future__ import annotations

import pytest

from shared.text.printed import BLANK, UNPRINTABLE, fault_of_line, fault_of_lines


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("Rådhusgata 1", None),
        ("1\u00a0234\u202f567,50\u2009kr", None),
        ("", BLANK),
        (" \u00a0", BLANK),
        ("a\nb", UNPRINTABLE),
        ("a\u0007", UNPRINTABLE),
        ("a\u200b", UNPRINTABLE),
        ("a\u2028b", UNPRINTABLE),
        ("a\u2029b", UNPRINTABLE),
        ("a\uffff", UNPRINTABLE),
        ("a\ue000", UNPRINTABLE),
    ],
)
def test_what_can_be_printed_in_a_line_has_no_break_and_no_character_without_shape(
    text: str, fault: str | None
) -> None:
    assert fault_of_line(text) == fault


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("our own trials,\nin October", None),
        ("a\r\nb", None),
        (" \n ", BLANK),
        ("a\rb", UNPRINTABLE),
        ("a\x00", UNPRINTABLE),
    ],
)
def test_what_has_several_lines_may_break_between_them(text: str, fault: str | None) -> None:
    assert fault_of_lines(text) == fault
