"""Targets of a benchmark, and what a figure says of them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from enum import StrEnum

import msgspec

LEAST = 0.8
"""Share of a target below which a benchmark fails: machines differ, and other work disturbs."""


class Verdict(StrEnum):
    """What a figure says."""

    MET = "met"
    BELOW = "below the target"
    MISSED = "MISSED"


class Target(msgspec.Struct, frozen=True):
    """A figure to be reached: at least `limit`, or at most if `at_most`."""

    name: str
    limit: float
    unit: str
    at_most: bool = False

    def share(self, figure: float) -> float:
        """How much of the target a figure reaches; 1 and more is all of it."""
        if not self.at_most:
            return figure / self.limit
        return self.limit / figure if figure > 0 else float("inf")

    def best(self, figures: list[float]) -> float:
        """The best of several."""
        return min(figures) if self.at_most else max(figures)

    def verdict(self, figure: float) -> Verdict:
        """Met, within the margin, or missed."""
        share = self.share(figure)
        if share >= 1.0:
            return Verdict.MET
        return Verdict.BELOW if share >= LEAST else Verdict.MISSED

    @property
    def bound(self) -> str:
        """`>= 25,000 records/s`."""
        return f"{'<=' if self.at_most else '>='} {self.limit:,.0f} {self.unit}"

    def row(self, figure: float) -> str:
        """One line of the table."""
        return f"{self.name:52}{figure:12,.1f}   {self.bound:24}{self.verdict(figure)}"


def judged(figures: Mapping[Target, list[float]]) -> int:
    """Print the best figure of each target; the exit code, 1 when one is missed."""
    verdicts = set()
    sys.stdout.write("\n")
    for target, found in figures.items():
        best = target.best(found)
        verdicts.add(target.verdict(best))
        sys.stdout.write(target.row(best) + "\n")
    return 1 if Verdict.MISSED in verdicts else 0
