"""`make bench-backlog` in short: a fiftieth of the messages."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.bench_backlog import GROWTH, last_to_first, run

_LINEAR = 200.0
"""Per cent: as much as other work on the machine may blur so short a run."""


@pytest.mark.timeout(600)
def test_a_backlog_is_held_and_sent_at_a_cost_that_does_not_grow_with_it(tmp_path: Path) -> None:
    found = run(tmp_path, 2_000, 1_000)
    assert found.outcome.good
    assert {name: mb for name, mb in found.grew.items() if mb > GROWTH} == {}
    assert last_to_first(found.accepting) < _LINEAR
    assert last_to_first(found.draining) < _LINEAR
