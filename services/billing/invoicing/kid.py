"""Customer identification (KID): what a payment says so that it finds its invoice."""

from __future__ import annotations

from stdnum import luhn


def kid_of(number: int, digits: int) -> str:
    """The KID of an invoice: its number with zeroes before it and a MOD10 check digit behind, `digits` in all.

    Raises `ValueError` for a number that does not fit.
    """
    body = f"{number:0{digits - 1}d}"
    if not has_room(number, digits):
        raise ValueError(f"a KID of {digits} digits has no room for this number")
    return body + str(luhn.calc_check_digit(body))


def has_room(number: int, digits: int) -> bool:
    """Whether a KID of so many digits holds this number."""
    return len(str(number)) < digits


def is_kid(text: str) -> bool:
    """Whether the check digit is right (MOD10: weights 2 and 1 from the right)."""
    return text.isdecimal() and luhn.is_valid(text)
