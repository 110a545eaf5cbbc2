"""A change that makes a message dearer is seen by the tests."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import msgspec
import pytest

from docs.sections.figures import Recorded, path_of
from tests.bench.bench_status import SHARE, measured
from tests.bench.targets import LEAST

_MESSAGES = 1_000
_ROUNDS = 60
"""More are not tried: the machine may do other things in some of them, and not in all."""


@pytest.fixture
def forgotten() -> Iterator[None]:
    """The collector looks at nothing that is here already: of thousands of tests, that is most of what it would do."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("forgotten")
def test_a_message_costs_little_more_than_in_the_run_that_was_recorded_last() -> None:
    last = msgspec.json.decode(path_of("status").read_bytes(), type=Recorded)
    recorded = {row.name: float(row.reached) for row in last.figures if row.name.endswith(SHARE)}
    assert recorded
    best = dict.fromkeys(recorded, float("inf"))
    for calibration, costs in measured(_MESSAGES, _ROUNDS):
        for target, cost in costs.items():
            name = target.name + SHARE
            best[name] = min(best[name], cost / calibration * 1000)
        if all(share <= recorded[name] / LEAST for name, share in best.items()):
            return
    raise AssertionError(f"dearer than recorded; if it has to be so, make bench-status ARGS=--record: {best}")
