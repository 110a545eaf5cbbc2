"""CPU of a text and of a number: `python -m tests.bench.bench_text`.

What every message costs at the door and again at the operator: to be measured and to be divided, 222 characters of
GSM-7 and of Unicode, and one Norwegian mobile to be read.
"""

from __future__ import annotations

import sys
import timeit
from collections.abc import Callable
from typing import Final

from shared.text.numbers import parse
from shared.text.segments import measure, split
from tests.bench.targets import Target, judged

_RUNS: Final = 5
_TIMES: Final = 5_000

GSM7: Final = ("Hei! Blåbærsyltetøy til 49 kr [i dag], 5 € i morgen. " * 5)[:222]
UCS2: Final = ("Hei 😀 – blåbærsyltetøy til “halv” pris. " * 6)[:222]
NUMBERS: Final = ("+47 987 65 432", "98765432", "004798765432", "47123456")

CASES: Final[dict[Target, Callable[[], object]]] = {
    Target("text: measure 222 characters, gsm7", 60, "us", at_most=True): lambda: measure(GSM7),
    Target("text: measure 222 characters, ucs2", 60, "us", at_most=True): lambda: measure(UCS2),
    Target("text: segmentation of 222 characters, gsm7", 60, "us", at_most=True): lambda: split(GSM7, 7),
    Target("text: segmentation of 222 characters, ucs2", 60, "us", at_most=True): lambda: split(UCS2, 7),
    **{
        Target(f"text: number {number}", 3, "us", at_most=True): lambda number=number: parse(number)
        for number in NUMBERS
    },
}


def measured() -> dict[Target, list[float]]:
    """Every figure, several times."""
    return {
        target: [seconds / _TIMES * 1e6 for seconds in timeit.repeat(case, number=_TIMES, repeat=_RUNS)]
        for target, case in CASES.items()
    }


def main() -> int:
    """Measure and print; 1 when a target is missed."""
    return judged(measured())


if __name__ == "__main__":
    sys.exit(main())
