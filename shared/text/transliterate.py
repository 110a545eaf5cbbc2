"""Spare a text from UCS-2 by rewriting typography that GSM-7 lacks (never æøå, € or é: GSM-7 has them).

Only by consent of the customer: a one-time code or a legal text is sent as it was written.
"""

from __future__ import annotations

from typing import Final

from shared.text import gsm

_REWRITTEN: Final = {
    "'": "‘’‚‛′‹›`´ʹʼ",
    '"': "“”„‟″«»",
    "-": "‐‑‒–—―−",
    "...": "…",
    # NBSP and U+202F stand inside amounts ("1 234 kr"); the rest are typographic widths and TAB.
    " ": "\t\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000",
    "\n": "\u2028\u2029",
    "": "\u00ad\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff",
}
_MAP: Final = {ord(character): plain for plain, characters in _REWRITTEN.items() for character in characters}
_WITHOUT_JOINERS: Final = _MAP | {0x200C: "", 0x200D: ""}


def to_gsm(text: str) -> str:
    """`text` with quotes, dashes, ellipses, spaces and invisible characters outside GSM-7 made plain.

    Characters of GSM-7 and characters unknown here stay as they are, so the result may still force UCS-2
    (`gsm.foreign` tells). Joiners (U+200C, U+200D) go only if that makes the text GSM-7: they hold emoji together.
    """
    if gsm.septets(text) is not None:
        return text
    plain = text.translate(_WITHOUT_JOINERS)
    return plain if gsm.septets(plain) is not None else text.translate(_MAP)
