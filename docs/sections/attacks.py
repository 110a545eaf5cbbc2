"""The attacks on the consumer kit: what the tests' own words say, and how their last run ended.

An attack is a test whose docstring has a paragraph that begins with "Holds:". Results are those that
`python -m docs.attacks` wrote down.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from deploy.local.settings import ROOT
from docs.sections.tables import code, table

FOLDER: Final = ROOT / "tests/integration/kafka"
RESULTS: Final = ROOT / "docs/attacks.json"
_FIRST: Final = ("test_attacks.py", "test_broker_killed.py")
_HOLDS: Final = "\n\nHolds: "


class Attack(msgspec.Struct, frozen=True):
    """One test: what is done, what must hold all the same."""

    file: str
    test: str
    done: str
    holds: str


class Outcome(msgspec.Struct, frozen=True):
    """Its last run, over all its cases. `figures` is what it counted, if it said so."""

    held: int
    cases: int
    figures: tuple[str, ...] = ()

    def __str__(self) -> str:
        held = "held" if self.held == self.cases else f"**{self.held} of {self.cases} cases held**"
        return "; ".join([held, *self.figures])


class Results(msgspec.Struct, frozen=True):
    """One run of all attacks. `outcomes` by file and test."""

    on: str
    against: str
    outcomes: Mapping[str, Outcome]


def found(folder: Path = FOLDER) -> Iterator[Attack]:
    """Every attack in the order of the table: processes and the broker first, then by file and place in it."""
    for path in sorted(folder.glob("test_*.py"), key=lambda path: (path.name not in _FIRST, path.name)):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.AsyncFunctionDef) and node.name.startswith("test_"):
                done, _, holds = (ast.get_docstring(node) or "").partition(_HOLDS)
                if holds:
                    yield Attack(path.name, node.name, done, holds)


def results() -> Results:
    """The last run."""
    return msgspec.json.decode(RESULTS.read_bytes(), type=Results)


def attacks() -> str:
    """The table."""
    last = results()
    rows = (
        (
            each.done,
            each.holds,
            f"{code(each.test)} in {code(each.file)}",
            str(last.outcomes.get(f"{each.file}::{each.test}", "not run yet")),
        )
        for each in found()
    )
    return f"Last run: {last.on}, {last.against}.\n\n" + table(
        ("attack", "what must hold", "test", "last result"), rows
    )
