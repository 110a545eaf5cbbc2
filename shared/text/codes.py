"""Every public code with which a text, a number or a sender is refused.

The codes are stable and documented; the sentences beside them where they are raised are not. No such sentence
holds a number or any character of a text.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from shared.explanations import Explanation


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


TEXTS: Final[Mapping[TextCode, Explanation]] = {
    TextCode.NOT_GSM: Explanation(
        "The text holds characters outside the GSM alphabet.", "Replace them, or use Unicode."
    ),
    TextCode.ESCAPE_IN_TEXT: Explanation("The text holds the control character U+001B.", "Take it out."),
    TextCode.LONE_SURROGATE: Explanation(
        "A value holds half of a surrogate pair (`\\ud800` to `\\udfff` alone), often half an emoji.",
        "Send whole characters: cut texts between them.",
    ),
    TextCode.INVALID_SEPTETS: Explanation("The octets are no text in the GSM alphabet.", "Encode the text anew."),
    TextCode.UNICODE_NOT_ALLOWED: Explanation(
        "The text needs Unicode, and `allow_unicode` is false.",
        "Replace the characters (`POST /v1/quotes` names them), or allow Unicode.",
    ),
    TextCode.TOO_MANY_PARTS: Explanation(
        "The text takes more parts than `max_parts` allows.", "Shorten the text, or raise `max_parts` (at most 10)."
    ),
    TextCode.INVALID_REFERENCE: Explanation(
        "The number that joins the parts of a message is out of range.", "Use 0 to 255, or 0 to 65535 if it is wide."
    ),
}
"""What each code of a text means."""

NUMBERS: Final[Mapping[NumberCode, Explanation]] = {
    NumberCode.MISSING: Explanation("There is no number.", "Give one, best as `+4799999999`."),
    NumberCode.TOO_LONG: Explanation("The number has more than 15 digits.", "Give one number, in international form."),
    NumberCode.HAS_LETTERS: Explanation("The number holds letters.", "Give digits, best as `+4799999999`."),
    NumberCode.HAS_EXTENSION: Explanation("The number names an extension.", "Give the number without it."),
    NumberCode.SHORT_NUMBER: Explanation("A short number takes no messages.", "Give a mobile number."),
    NumberCode.M2M_NOT_ALLOWED: Explanation(
        "The number belongs to a machine, and the account may not send to machines.", "Ask for leave, or remove it."
    ),
    NumberCode.NOT_A_MOBILE: Explanation("The number is valid and no mobile.", "Give a mobile number."),
    NumberCode.INVALID: Explanation(
        "No such number can exist, or what is given is none.",
        "Correct it; without `+` or `00` it is read as Norwegian.",
    ),
}
"""What each code of a recipient's number means."""

SENDERS: Final[Mapping[SenderCode, Explanation]] = {
    SenderCode.TOO_LONG: Explanation("A sender's name has at most 11 characters.", "Shorten it."),
    SenderCode.INVALID: Explanation(
        "The sender is neither a name (letters, digits, spaces and `-.&_+!`, with a letter) nor a number.",
        "Correct it.",
    ),
}
"""What each code of a sender means."""
