"""Type of number and numbering plan for an address, given its value (SMPP 3.4, 5.2.5 and 5.2.6)."""

from __future__ import annotations

import re

import msgspec

from shared.errors import Refused
from shared.smpp.constants import (
    NPI_ISDN,
    NPI_UNKNOWN,
    TON_ALPHANUMERIC,
    TON_INTERNATIONAL,
    TON_NETWORK_SPECIFIC,
)

_LONGEST_SHORT_NUMBER = 6
_LONGEST_ALPHANUMERIC = 11
_E164 = re.compile(r"\+?([1-9][0-9]{6,14})")
_SHORT = re.compile(rf"[0-9]{{1,{_LONGEST_SHORT_NUMBER}}}")


class Plan(msgspec.Struct, frozen=True):
    """TON and NPI. Operators differ over short numbers, so theirs is data of the operator."""

    ton: int
    npi: int


INTERNATIONAL = Plan(TON_INTERNATIONAL, NPI_ISDN)
ALPHANUMERIC = Plan(TON_ALPHANUMERIC, NPI_UNKNOWN)
SHORT_NUMBER = Plan(TON_NETWORK_SPECIFIC, NPI_UNKNOWN)


class Address(msgspec.Struct, frozen=True, gc=False):
    """An address as it travels: a number without its plus sign, or the octets of a name."""

    ton: int
    npi: int
    value: bytes

    def __repr__(self) -> str:
        return f"Address(ton={self.ton}, npi={self.npi}, octets={len(self.value)})"


def address(value: str, *, short: Plan = SHORT_NUMBER) -> Address:
    """`+4798765432` or its digits as E.164, up to six digits as a short number, anything else as a name.

    Raises `Refused` (`smpp_bad_address`) for an empty value, a name of over 11 characters or one outside Latin-1, and
    digits that are neither.
    """
    if number := _E164.fullmatch(value):
        return Address(INTERNATIONAL.ton, INTERNATIONAL.npi, number[1].encode("ascii"))
    if _SHORT.fullmatch(value):
        return Address(short.ton, short.npi, value.encode("ascii"))
    if not 0 < len(value) <= _LONGEST_ALPHANUMERIC or value.strip("+0123456789") == "" or not value.isprintable():
        raise Refused("smpp_bad_address", f"{len(value)} characters that are no number, short number or name")
    try:
        return Address(ALPHANUMERIC.ton, ALPHANUMERIC.npi, value.encode("latin-1"))
    except UnicodeEncodeError as error:
        raise Refused("smpp_bad_address", "a name outside Latin-1") from error
