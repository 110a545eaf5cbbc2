"""The words of an incoming text that decide what it is about. Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

MOST_WORDS: Final = 3
"""Of a keyword: the first names it, the others are its sub-keywords (R-153)."""
DEFAULT: Final = "*"
"""The keyword of whatever matches no other."""
STOP_WORDS: Final = frozenset({"stop", "stopp"})

_WORD: Final = re.compile(r"\w+")
_LONGEST_WORD: Final = 32


def words_of(text: str) -> tuple[str, ...]:
    """The first words, compatibility forms undone, without regard to case and to what stands between them."""
    found: list[str] = []
    for match in _WORD.finditer(unicodedata.normalize("NFKC", text[:1_000])):
        found.append(match[0].casefold())
        if len(found) == MOST_WORDS + 1:
            break
    return tuple(found)


def candidates(words: tuple[str, ...]) -> tuple[str, ...]:
    """Keywords that may be meant, the longest first, the default last."""
    few = words[:MOST_WORDS]
    return (*(" ".join(few[:count]) for count in range(len(few), 0, -1)), DEFAULT)


def keyword_of(given: str) -> str | None:
    """A keyword as it is kept, or None for one that no text can match, that is too long, or that means stop."""
    if given == DEFAULT:
        return DEFAULT
    words = words_of(given)
    if not 1 <= len(words) <= MOST_WORDS or words[0] in STOP_WORDS or max(map(len, words)) > _LONGEST_WORD:
        return None
    return " ".join(words)
