"""`make chaos` in short: some of its faults on a system of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.run import run


@pytest.mark.timeout(300)
def test_the_promises_hold_through_some_faults(tmp_path: Path) -> None:
    rows, _ = run(tmp_path, seed=7, rounds=1, rate=60.0, only=("kill -9 of mongod", "used again before"))
    assert [row for row in rows if row.wrong] == []
    assert len(rows) == 3
    assert all(row.answered > 50 for row in rows)
