"""One amount over several that have a share in it, so that the parts are the whole."""

from __future__ import annotations

from collections.abc import Sequence

from shared.money.amounts import Ore


def shares_of(amount: Ore, weights: Sequence[int]) -> list[Ore]:
    """Split by weight, by largest remainder: each part is off by less than one øre, and they sum to the amount.

    Of equal remainders the earlier weight gets the øre. An amount below zero is split as its opposite. Raises
    `ValueError` without a weight above zero, or with one below.
    """
    total = sum(weights)
    if total <= 0 or min(weights) < 0:
        raise ValueError("an amount is shared by weights of which none is below zero and one above")
    if amount < 0:
        return [Ore(-part) for part in shares_of(Ore(-amount), weights)]
    parts = [amount * weight // total for weight in weights]
    behind = sorted(range(len(weights)), key=lambda index: -(amount * weights[index] % total))
    for index in behind[: amount - sum(parts)]:
        parts[index] += 1
    return [Ore(part) for part in parts]
