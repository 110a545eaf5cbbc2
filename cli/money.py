"""Money as people read and write it: crowns with two decimals and a point, as documents have them. The gateway counts
in whole øre.
"""

from __future__ import annotations

import re
from typing import Final

from shared.money import amounts
from shared.money.amounts import Ore

_CROWNS: Final = re.compile(r"(-?)([0-9]{1,9})(?:\.([0-9]{2}))?")


def crowns(ore: int) -> str:
    """`4200` as `42.00`."""
    return amounts.crowns(Ore(ore))


def ore(text: str) -> int | None:
    """What was written as `42.00`, or as `42`; None for anything else."""
    match = _CROWNS.fullmatch(text)
    if match is None:
        return None
    sign, whole, part = match.groups()
    return (int(whole) * 100 + int(part or 0)) * (-1 if sign else 1)
