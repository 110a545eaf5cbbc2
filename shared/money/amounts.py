"""Amounts are whole øre; unit prices are `Decimal` crowns with as many decimals as they need. Never a float.

Every rounding in the system is one of the two functions here, half up: away from zero for what is negative, so that a
credit of an amount is that amount. (Python's own default rounds half to even: 0.125 to 0.12.)
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Final, NewType

Ore = NewType("Ore", int)
"""An amount of money, 1/100 of a Norwegian crown."""

CURRENCY: Final = "NOK"

_WHOLE: Final = Decimal(1)
_HUNDRED: Final = Decimal(100)


def line_total(quantity: int, unit_price: Decimal) -> Ore:
    """Net of a line, rounded once: `quantity` times `unit_price` (crowns)."""
    return _rounded(quantity * unit_price * _HUNDRED)


def vat_of(net: Ore, rate: Decimal) -> Ore:
    """VAT of a sum at `rate` per cent; taken once per category on the sum of its lines, never per line."""
    return _rounded(net * rate / _HUNDRED)


def crowns(amount: Ore) -> str:
    """The amount in crowns with two decimals and a point: what documents and tables carry."""
    sign, whole = "-" if amount < 0 else "", abs(amount)
    return f"{sign}{whole // 100}.{whole % 100:02d}"


def two_decimals(price: str) -> str:
    """A unit price in crowns with two decimals at least: `0.4` as `0.40`, and `0.4125` as it is."""
    whole, _, part = price.partition(".")
    return f"{whole}.{part:0<2}"


def _rounded(ore: Decimal) -> Ore:
    return Ore(int(ore.quantize(_WHOLE, ROUND_HALF_UP)))
