"""`make bench-smpp ARGS=--record`: what a benchmark found goes into docs/performance.md (`docs.sections.figures`)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from docs.sections.figures import FOLDER, Figure, Recorded, path_of
from tests.bench.targets import Target


def judged_figures(figures: Mapping[Target, list[float]]) -> Iterable[Figure]:
    """The best figure of each target with what the target says of it, and the worst."""
    for target, found in figures.items():
        best = target.best(found)
        worst = max(found) if target.at_most else min(found)
        yield Figure(target.name, f"{best:,.1f} {target.unit}", f"{worst:,.1f}", target.bound, target.verdict(best))


def record(name: str, figures: Iterable[Figure], *, load: float, folder: Path = FOLDER) -> None:
    """Write down a run, to be called `name`; the page then says so (`docs.generate`).

    `load` is the machine's load average when the run began.
    """
    run = Recorded(datetime.now(UTC).date().isoformat(), len(os.sched_getaffinity(0)), round(load, 1), tuple(figures))
    path_of(name, folder).write_bytes(msgspec.json.format(msgspec.json.encode(run), indent=2) + b"\n")
