"""Spare a text from UCS-2 by rewriting what GSM-7 lacks (never æøå, € or é: GSM-7 has them).

Only by consent of the customer: a one-time code or a legal text is sent as it was written.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

from shared.text import gsm

_REWRITTEN: Final = {
    "'": "‘’‚‛′‹›`´ʹʼ",
    '"': "“”„‟″«»",
    "-": "‐‑‒–—―−",
    "...": "…",
    "/": "⁄",
    # NBSP and U+202F stand inside amounts ("1 234 kr"); the rest are typographic widths and TAB.
    " ": "\t\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000",
    "\n": "\u2028\u2029",
    "": "\u00ad\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff",
    # Letters that Unicode does not take apart: Sámi first, then the neighbours'.
    "d": "đð",
    "D": "ĐÐ",
    "ng": "ŋ",
    "NG": "Ŋ",
    "t": "ŧ",
    "T": "Ŧ",
    "l": "ł",
    "L": "Ł",
    "i": "ı",
    "h": "ħ",
    "H": "Ħ",
    "oe": "œ",
    "OE": "Œ",
    "th": "þ",
    "TH": "Þ",
    "ß": "ẞ",
}
_MAP: Final = {ord(character): plain for plain, characters in _REWRITTEN.items() for character in characters}
_JOINERS: Final = {0x200C: "", 0x200D: ""}


def to_gsm(text: str) -> str:
    """`text` with quotes, dashes, spaces, invisible characters and letters with marks outside GSM-7 made plain.

    Characters of GSM-7 and those without a plain form stay as they are, so the result may still force UCS-2
    (`gsm.foreign` tells). Joiners (U+200C, U+200D) go only if that makes the text GSM-7: they hold emoji together. A
    mark that was written apart from its letter is put on it first: that is how å comes from some machines.
    """
    if gsm.septets(text) is not None:
        return text
    composed = unicodedata.normalize("NFC", text)
    plain = composed.translate({ord(character): _plain(character) for character in gsm.foreign(composed)})
    without = plain.translate(_JOINERS)
    return without if gsm.septets(without) is not None else plain


@lru_cache(maxsize=4096)
def _plain(character: str) -> str:
    """The plain form of a character outside GSM-7; itself when it has none."""
    mapped = _MAP.get(ord(character))
    if mapped is not None:
        return mapped
    letters = "".join(
        _MAP.get(ord(each), each)
        for each in unicodedata.normalize("NFKD", character)
        if not unicodedata.combining(each)
    )
    return letters if letters and gsm.septets(letters) is not None else character
