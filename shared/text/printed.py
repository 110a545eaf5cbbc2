"""Whether a text can be printed: on a line of an invoice, in a record that people read.

What is refused are the characters of Unicode's categories C (control, format, private, unassigned) and of its
separators of lines and paragraphs. Blanks of every width are printed: Norwegian amounts and names have some.
"""

from __future__ import annotations

import unicodedata
from typing import Final

BLANK: Final = "it is blank"
UNPRINTABLE: Final = "it holds characters that cannot be printed"

_LINES: Final = frozenset({"Zl", "Zp"})


def fault_of_line(text: str) -> str | None:
    """Why a text is no line that can be printed, or None."""
    if any(_is_unprintable(character) for character in text):
        return UNPRINTABLE
    return None if text.strip() else BLANK


def fault_of_lines(text: str) -> str | None:
    """The same of a text that may have several lines."""
    return fault_of_line(text.replace("\r\n", "\n").replace("\n", " "))


def _is_unprintable(character: str) -> bool:
    category = unicodedata.category(character)
    return category.startswith("C") or category in _LINES
