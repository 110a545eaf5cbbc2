"""What the benchmarks measured last, as tables: a benchmark that is told to `--record` writes down what it printed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from deploy.local.settings import ROOT
from docs.sections.tables import table

FOLDER: Final = ROOT / "docs/figures"


class Figure(msgspec.Struct, frozen=True):
    """One row: the best round and the worst. `worst`, `target` and `verdict` are empty for what has none."""

    name: str
    reached: str
    worst: str = ""
    target: str = ""
    verdict: str = ""


class Recorded(msgspec.Struct, frozen=True):
    """One run. `load` is the machine's load average over a minute when it began: what others ran at the time."""

    on: str
    cores: int
    load: float
    figures: tuple[Figure, ...]


def path_of(name: str, folder: Path = FOLDER) -> Path:
    """Where the last run of `make bench-NAME` lies."""
    return folder / f"{name}.json"


def figures(name: str, folder: Path = FOLDER) -> Callable[[], str]:
    """The table of `make bench-NAME`."""

    def section() -> str:
        path = path_of(name, folder)
        if not path.exists():
            return "Not recorded yet."
        last = msgspec.json.decode(path.read_bytes(), type=Recorded)
        rows = ((row.name, row.reached, row.worst, row.target, row.verdict) for row in last.figures)
        under = f"Last run: {last.on}, {last.cores} cores, load {last.load:.1f} when it began."
        return f"{under}\n\n{table(('figure', 'best round', 'worst round', 'target', ''), rows)}"

    return section
