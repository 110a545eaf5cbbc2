"""A benchmark's figures are met, within a margin, or missed."""

from __future__ import annotations

import pytest

from tests.bench.targets import Target, Verdict

RATE = Target("rate", 25_000, "records/s")
CPU = Target("cpu", 22, "us", at_most=True)


@pytest.mark.parametrize(
    ("target", "figure", "verdict"),
    [
        (RATE, 25_000, Verdict.MET),
        (RATE, 24_999, Verdict.BELOW),
        (RATE, 20_000, Verdict.BELOW),
        (RATE, 19_999, Verdict.MISSED),
        (CPU, 22, Verdict.MET),
        (CPU, 23, Verdict.BELOW),
        (CPU, 27.5, Verdict.BELOW),
        (CPU, 28, Verdict.MISSED),
        (CPU, 0, Verdict.MET),
        (CPU, -1, Verdict.MET),
    ],
)
def test_a_figure_is_judged(target: Target, figure: float, verdict: Verdict) -> None:
    assert target.verdict(figure) is verdict
    assert verdict in target.row(figure)


def test_the_best_of_several_counts() -> None:
    assert RATE.best([1, 3, 2]) == 3
    assert CPU.best([1, 3, 2]) == 1
