"""A change that makes a message dearer is seen by the tests."""

from __future__ import annotations

import msgspec

from docs.sections.figures import Recorded, path_of
from tests.bench.bench_status import SHARE, measured
from tests.bench.targets import LEAST

_MESSAGES = 1_000
_ROUNDS = 12
"""More are not tried: the machine may do other things in some of them, and not in all."""


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
