"""A benchmark's figures are met, within a margin, or missed."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.sections.figures import Figure, figures
from tests.bench.recording import judged_figures, record
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


def test_what_is_recorded_is_the_table_of_the_page(tmp_path: Path) -> None:
    found = list(judged_figures({RATE: [19_000.0, 26_000.0], CPU: [30.0, 31.0]}))
    record("kit", [*found, Figure("beside", "7 things")], load=1.26, folder=tmp_path)
    said, *table = figures("kit", tmp_path)().splitlines()
    assert "load 1.3" in said
    assert table[-3:] == [
        "| rate | 26,000.0 records/s | 19,000.0 | >= 25,000 records/s | met |",
        "| cpu | 30.0 us | 31.0 | <= 22 us | MISSED |",
        "| beside | 7 things |  |  |  |",
    ]
