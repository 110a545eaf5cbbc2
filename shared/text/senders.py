"""Who a message is from: a name, a telephone number or a short number (R-32).

This is form only. Whether the account may use the sender is decided by screening: a person of ours registered it.
There is no list of protected or generic names, and nothing looks for likenesses. Dispatch gives type of number and
numbering plan.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

import msgspec

from shared.errors import Refused
from shared.text.codes import SenderCode
from shared.text.numbers import is_short_number, parse_any

LONGEST_NAME: Final = 11
"""An address field holds 10 octets, which are 11 septets (TS 23.040 section 9.1.2.5)."""

# The Latin letters of GSM-7, each one septet; its Greek capitals are left out because they pass for Latin ones. The
# punctuation is what names in use have ("H&M", "TV2+", "Vipps!"), again one septet each.
_NAME: Final = re.compile(r"[A-Za-zÆØÅæøåÄÖÜäöüÑñÉéÇàèìòùß0-9 .&_+!-]+")
_LETTER: Final = re.compile(r"[^\W\d_]")


class SenderKind(StrEnum):
    """What the handset shows, and so how the operator is told."""

    ALPHANUMERIC = "alphanumeric"
    NUMERIC = "numeric"
    SHORT = "short"


class Sender(msgspec.Struct, frozen=True):
    """`value` is the name as written, a number in E.164, or the digits of a short number."""

    value: str
    kind: SenderKind


def parse_sender(raw: str, *, region: str = "NO") -> Sender:
    """The sender that `raw` means; spaces around it are dropped.

    A name has at most 11 characters, at least one letter, and otherwise letters, digits, spaces and `- . & _ + !`. What
    has no letter is a short number of 4 or 5 digits, or a valid number of any kind, a fixed line included.

    Raises `Refused`: `sender_too_long` for a name that is otherwise right, else `invalid_sender`.
    """
    value = raw.strip(" ")
    if _LETTER.search(value):
        return _name(value)
    if is_short_number(value):
        return Sender(value, SenderKind.SHORT)
    try:
        return Sender(parse_any(value, region=region), SenderKind.NUMERIC)
    except Refused as reason:
        raise Refused(SenderCode.INVALID, "the sender has no letter and is no valid number") from reason


def _name(value: str) -> Sender:
    if not _NAME.fullmatch(value):
        raise Refused(SenderCode.INVALID, "a sender's name has letters, digits, spaces and - . & _ + ! only")
    if len(value) > LONGEST_NAME:
        raise Refused(SenderCode.TOO_LONG, f"a sender's name has at most {LONGEST_NAME} characters, not {len(value)}")
    return Sender(value, SenderKind.ALPHANUMERIC)
