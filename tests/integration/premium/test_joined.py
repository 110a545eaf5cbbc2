"""Order, charge, refund and books together, while each process is killed: a small run of `tests.chaos.premium`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.chaos.premium import run
from tests.chaos.premium_outcome import Outcome


@pytest.mark.timeout(180)
async def test_a_hundred_charges_with_kills_and_a_bad_line_are_in_the_books_to_the_ore(
    kafka: str, tmp_path: Path
) -> None:
    outcome = await run(tmp_path, kafka, charges=100, kills=3, seconds=120.0)
    assert outcome.good, outcome.table()
    assert outcome.refunds > 0
    assert outcome.reversed_here > 0
    assert outcome.open_here > 0


GOOD = Outcome(
    charges=100,
    seconds=60.0,
    kills=3,
    most_posts=1,
    taken=98,
    not_ordered=0,
    mispriced=0,
    not_taken=2,
    may_be_lost=16,
    charged_there=4200,
    charged_here=4200,
    refunds=9,
    reversals_there=9,
    reversals_here=9,
    reversed_there=900,
    reversed_here=900,
    open_there=5,
    open_here=5,
    sum_of_the_books=0,
    contradicted=4,
    named=4,
    differences=(),
)


@pytest.mark.parametrize(
    "wrong",
    [
        {"most_posts": 2},
        {"taken": 97},
        {"not_taken": 17, "taken": 83},
        {"not_ordered": 1},
        {"mispriced": 1},
        {"charged_here": 4199},
        {"refunds": 10},
        {"reversals_here": 8},
        {"reversed_here": 899},
        {"open_here": 6},
        {"sum_of_the_books": 1},
        {"named": 3},
        {"differences": ("one more",)},
    ],
)
def test_whatever_is_wrong_is_in_the_table(wrong: dict[str, Any]) -> None:
    assert GOOD.table().endswith("\ngood")
    bad = msgspec.structs.replace(GOOD, **wrong)
    assert not bad.good
    assert bad.table().count("WRONG") == 1
    assert bad.table().endswith("\nNOT GOOD")
