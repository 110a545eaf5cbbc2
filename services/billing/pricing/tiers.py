"""What a quantity costs by tiers (R-02). Pure.

Graduated: each tier prices its own band. Volume: the tier that the month has reached prices what is added, so at a
bound a month may become cheaper by one message more; what was invoiced before keeps its price.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Final

import msgspec

PRICE: Final = "a price is from 0 to 1000000 crowns, with at most six decimals"

_MOST: Final = 1_000_000
_DECIMALS: Final = 6


class Mode(StrEnum):
    """How tiers are read."""

    GRADUATED = "graduated"
    VOLUME = "volume"


class Tier(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`price` in crowns for each up to and including the `up_to`-th of a month; None is the last tier."""

    price: Decimal
    up_to: Annotated[int, msgspec.Meta(ge=1)] | None = None


class Band(msgspec.Struct, frozen=True):
    """So many at this price."""

    quantity: int
    price: Decimal


def bands(tiers: Sequence[Tier], mode: Mode, before: int, quantity: int) -> list[Band]:
    """What `quantity` more cost when the month has `before` already, in the order of the tiers; none for nothing.

    The bands of two steps are, together, those of one step over both when graduated.
    """
    if quantity <= 0:
        return []
    reached = before + quantity
    if mode is Mode.VOLUME:
        tier = next(tier for tier in tiers if tier.up_to is None or reached <= tier.up_to)
        return [Band(quantity, tier.price)]
    found = []
    for tier in tiers:
        end = reached if tier.up_to is None else min(reached, tier.up_to)
        if end > before:
            found.append(Band(end - before, tier.price))
            before = end
    return found


def is_price(price: Decimal) -> bool:
    """Whether this is a price: not below zero, not beyond reason, with at most six decimals."""
    return price.is_finite() and 0 <= price <= _MOST and price == round(price, _DECIMALS)


def faults(tiers: Sequence[Tier]) -> str | None:
    """What is wrong with tiers as a table, or None: bounds rise, and the last tier alone has none."""
    bounds = [tier.up_to for tier in tiers]
    if not bounds or bounds[-1] is not None or None in bounds[:-1]:
        return "the last tier, and no other, is without up_to"
    rising = [bound for bound in bounds if bound is not None]
    if rising != sorted(set(rising)):
        return "the bounds of tiers rise"
    return None if all(is_price(tier.price) for tier in tiers) else PRICE
