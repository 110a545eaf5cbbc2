"""The table of charges: what the last run of `make chaos-premium` found, as it wrote it down."""

from __future__ import annotations

from typing import Final

import msgspec

from deploy.local.settings import ROOT
from docs.sections.tables import table

RESULTS: Final = ROOT / "docs/charges.json"


class Line(msgspec.Struct, frozen=True):
    """One check."""

    what: str
    found: str
    wanted: str
    good: bool


class Charges(msgspec.Struct, frozen=True):
    """One run."""

    on: str
    charges: int
    kills: int
    seconds: float
    lines: tuple[Line, ...]


def charges() -> str:
    """The table."""
    if not RESULTS.exists():
        return "Not recorded yet."
    last = msgspec.json.decode(RESULTS.read_bytes(), type=Charges)
    rows = ((line.what, line.found, line.wanted, "held" if line.good else "**WRONG**") for line in last.lines)
    run = f"Last run: {last.on}, {last.charges:,} charges in {last.seconds:.0f} s, {last.kills} times kill -9."
    return f"{run}\n\n{table(('what', 'found', 'wanted', ''), rows)}"
