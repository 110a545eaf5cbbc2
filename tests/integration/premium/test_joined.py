"""Order, charge, refund and books together, while each process is killed: a small run of `tests.chaos.premium`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.premium import run


@pytest.mark.timeout(180)
async def test_a_hundred_charges_with_kills_and_a_bad_line_are_in_the_books_to_the_ore(
    kafka: str, tmp_path: Path
) -> None:
    outcome = await run(tmp_path, kafka, charges=100, kills=3, seconds=120.0)
    assert outcome.good, outcome
    assert outcome.refunds > 0
    assert outcome.reversed_here > 0
    assert outcome.open_here > 0
