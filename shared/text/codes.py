"""Every public code with which a text, a number or a sender is refused.

The codes are stable and documented; the sentences beside them where they are raised are not. No such sentence
holds a number or any character of a text.
"""

from __future__ import annotations

from enum import StrEnum


class TextCode(StrEnum):
    """What is wrong with a text, or with the octets that should be one."""

    NOT_GSM = "not_gsm"
    ESCAPE_IN_TEXT = "escape_in_text"
    LONE_SURROGATE = "lone_surrogate"
    INVALID_SEPTETS = "invalid_septets"
    UNICODE_NOT_ALLOWED = "unicode_not_allowed"
    TOO_MANY_PARTS = "too_many_parts"
    INVALID_REFERENCE = "invalid_reference"


class NumberCode(StrEnum):
    """What is wrong with a recipient's number."""

    MISSING = "number_missing"
    TOO_LONG = "number_too_long"
    HAS_LETTERS = "number_has_letters"
    HAS_EXTENSION = "number_has_extension"
    SHORT_NUMBER = "short_number"
    M2M_NOT_ALLOWED = "m2m_not_allowed"
    NOT_A_MOBILE = "not_a_mobile"
    INVALID = "invalid_number"


class SenderCode(StrEnum):
    """What is wrong with a sender."""

    TOO_LONG = "sender_too_long"
    INVALID = "invalid_sender"
