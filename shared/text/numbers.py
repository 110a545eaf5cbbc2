"""Telephone numbers of recipients: from what people write to E.164.

Norwegian mobiles are read by one expression (about 1 us), other mobiles in E.164 by one for each country (2 us, see
`mobiles`), everything else by `phonenumbers` (25-60 us); tests hold the expressions to the library. The library alone
is too kind: it drops extensions, letters and whatever stands around a number. So it only ever sees digits, and what
else was written is refused here.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final, NewType

import msgspec
import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from shared.errors import Refused
from shared.text.codes import NumberCode
from shared.text.mobiles import country_of_mobile

Number = NewType("Number", str)
"""E.164 with its plus sign."""


class NumberKind(StrEnum):
    """What a number is good for. In some countries (+1) the number does not tell a mobile from a fixed line."""

    MOBILE = "mobile"
    FIXED_OR_MOBILE = "fixed_or_mobile"
    M2M = "m2m"


class Recipient(msgspec.Struct, frozen=True):
    """Who a message goes to.

    `country` is the ISO 3166 code that the country code stands for: +47 is NO on Svalbard too. Countries that share
    +1 or +7 are told apart; a number of no country (satellite networks) has "001".
    """

    number: Number
    country: str
    kind: NumberKind


_FULL_WIDTH: Final = {0xFF10 + digit: str(digit) for digit in range(10)} | {0xFF0B: "+"}
_SEPARATORS: Final = dict.fromkeys(map(ord, " .-()[]\u00a0\u202f\u2010\u2011\u2013"))
# Copied from contacts and spreadsheets: zero-width spaces, marks of direction, a byte order mark.
_INVISIBLE: Final = dict.fromkeys(
    (0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), 0x2060, *range(0x2066, 0x206A), 0xFEFF)
)
_CLEAN: Final = _FULL_WIDTH | _SEPARATORS | _INVISIBLE

# 8-digit numbers may begin with 47, so a leading 47 is the country code only when a whole number follows.
_NORWEGIAN_MOBILE: Final = re.compile(
    r"(?:\+47|0047|47)?((?:4[016-8]|9[0-9])[0-9]{6}|45(?:[0-24-9][0-9]|3[0-57-9])[0-9]{4})"
)
_NORWEGIAN_M2M: Final = re.compile(r"(?:\+47|0047|47)?(58[0-9]{10})")
_DIGITS: Final = re.compile(r"\+?[0-9]+")
_EXTENSION: Final = re.compile(r"\+?[0-9]+(?:;?ext(?:ension)?[=:]?|x|#|[,;]+)[0-9]+", re.IGNORECASE)
_SHORT_NUMBER: Final = re.compile(r"[0-9]{4,5}")

_LONGEST: Final = len("00") + 15
_SHARED_CODES: Final = frozenset({1, 7})
_KINDS: Final = {
    PhoneNumberType.MOBILE: NumberKind.MOBILE,
    PhoneNumberType.FIXED_LINE_OR_MOBILE: NumberKind.FIXED_OR_MOBILE,
}


def parse(raw: str, *, region: str = "NO", allow_m2m: bool = False) -> Recipient:
    """The recipient that `raw` means to somebody in `region` (ISO 3166).

    Spaces, dots, hyphens, brackets and invisible characters are ignored, full-width digits read as digits. A number
    of another country needs its `+` or `00`. Norwegian 12-digit numbers (58...) are machines and extra SIMs, for
    accounts that send to them.

    Raises `Refused`: `number_missing`, `number_too_long`, `number_has_letters`, `number_has_extension`,
    `short_number` (4 or 5 digits: see `is_short_number`), `m2m_not_allowed`, `not_a_mobile` (a valid number that takes
    no SMS), `invalid_number`.
    """
    digits = raw.translate(_CLEAN)
    if region == "NO" and (mobile := _NORWEGIAN_MOBILE.fullmatch(digits)):
        return Recipient(Number("+47" + mobile[1]), "NO", NumberKind.MOBILE)
    if (country := country_of_mobile(digits)) is not None:
        return Recipient(Number(digits), country, NumberKind.MOBILE)
    _require_digits(digits)
    if is_short_number(digits):
        raise Refused(NumberCode.SHORT_NUMBER, "a short number takes no message from here")
    if (region == "NO" or digits.startswith("+47")) and (machine := _NORWEGIAN_M2M.fullmatch(digits)):
        if not allow_m2m:
            raise Refused(NumberCode.M2M_NOT_ALLOWED, "the number is for machines, which the account may not send to")
        return Recipient(Number("+47" + machine[1]), "NO", NumberKind.M2M)
    known = _look_up(digits, region)
    kind = _KINDS.get(phonenumbers.number_type(known))
    if kind is None:
        raise Refused(NumberCode.NOT_A_MOBILE, "the number is valid but not a mobile")
    return Recipient(_e164(known), _country(known), kind)


def parse_any(raw: str, *, region: str = "NO") -> Number:
    """A valid number of any kind, fixed lines included: a sender may be one. Raises as `parse`, but `not_a_mobile`."""
    digits = raw.translate(_CLEAN)
    _require_digits(digits)
    return _e164(_look_up(digits, region))


def whole(raw: str) -> str:
    """A number in E.164, however it was written; what is none, as it stands. For pseudonyms: one person has one."""
    for read in (_mobile, parse_any):
        try:
            return read(raw)
        except Refused:
            continue
    return raw


def is_short_number(raw: str) -> bool:
    """Whether `raw` has the form of an SMS short number, 4 or 5 digits; which exist is configuration."""
    return _SHORT_NUMBER.fullmatch(raw) is not None


def _mobile(raw: str) -> Number:
    return parse(raw, allow_m2m=True).number


def _require_digits(cleaned: str) -> None:
    """Refuse, for the reason that helps most, what is not an optional plus and up to 15 digits."""
    if not cleaned:
        raise Refused(NumberCode.MISSING, "no number is given")
    if _DIGITS.fullmatch(cleaned):
        if len(cleaned) > _LONGEST:
            raise Refused(NumberCode.TOO_LONG, "a number has at most 15 digits")
        return
    if _EXTENSION.fullmatch(cleaned):
        raise Refused(NumberCode.HAS_EXTENSION, "an extension cannot be sent to")
    if any(character.isalpha() for character in cleaned):
        raise Refused(NumberCode.HAS_LETTERS, "a number has no letters")
    raise Refused(NumberCode.INVALID, "a number is digits, spaces, dots, hyphens and brackets")


def _look_up(digits: str, region: str) -> phonenumbers.PhoneNumber:
    try:
        known = phonenumbers.parse(digits, region)
    except phonenumbers.NumberParseException:
        known = None
    if known is None or not phonenumbers.is_valid_number(known):
        raise Refused(NumberCode.INVALID, "no such number can exist")
    return known


def _e164(known: phonenumbers.PhoneNumber) -> Number:
    return Number(phonenumbers.format_number(known, PhoneNumberFormat.E164))


def _country(known: phonenumbers.PhoneNumber) -> str:
    if known.country_code is None or known.country_code in _SHARED_CODES:
        return phonenumbers.region_code_for_number(known) or phonenumbers.UNKNOWN_REGION
    return phonenumbers.region_code_for_country_code(known.country_code)
