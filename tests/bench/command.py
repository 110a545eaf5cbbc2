"""What commands that start a whole gateway have in common: their options, their folder, what they say and record."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from docs.sections.figures import Figure
from tests.bench.recording import judged_figures, record
from tests.bench.targets import Target, Verdict


def say(line: str) -> None:
    """One line of the terminal."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def parser(what: str | None) -> argparse.ArgumentParser:
    """A command's options, with those of all."""
    options = argparse.ArgumentParser(description=what, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--record", action="store_true", help="write the figures into docs/performance.md")
    options.add_argument("--keep", type=Path, help="keep logs and data in this new folder")
    return options


def run(name: str, options: argparse.Namespace, measure: Callable[[Path], Found]) -> int:
    """Measure in a folder of its own, print the figures and record them, if nothing was lost or doubled. The exit code:
    1 when something was, or a target is missed.
    """
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix=f"bench-{name}-") as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        found = measure(folder)
    figures = (*judged_figures(found.judged), *found.figures)
    for figure in figures:
        say(f"{figure.name:58}{figure.reached:34}{figure.worst:>10}  {figure.target:18}{figure.verdict}")
    if not found.good:
        say("LOST, DOUBLED OR REFUSED")
        return 1
    if options.record:
        record(name, figures, load=load)
    return 1 if any(figure.verdict == Verdict.MISSED for figure in figures) else 0


class Found:
    """What a measurement came to. `good`: nothing was lost, doubled or refused."""

    def __init__(self, judged: Mapping[Target, list[float]], figures: Iterable[Figure], *, good: bool) -> None:
        self.judged = judged
        self.figures = tuple(figures)
        self.good = good
