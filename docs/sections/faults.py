"""The fault table: what the last run of `make chaos` found, as it wrote it down."""

from __future__ import annotations

from typing import Final

import msgspec

from deploy.local.settings import ROOT
from docs.sections.tables import table

RESULTS: Final = ROOT / "docs/faults.json"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One fault, over all rounds. `doubled` are copies of parts too many, of which `allowed` may be; `seconds` from the
    end of the fault until the last message from before it had its end, in the slowest round.
    """

    fault: str
    answered: int
    lost: int
    doubled: int
    allowed: int
    told_twice: int
    not_delivered: int
    seconds: float
    wrong: tuple[str, ...] = ()


class Results(msgspec.Struct, frozen=True):
    """One run. `rate` is messages a second; `left_out` are faults that could not be done there, with the reasons."""

    on: str
    seed: int
    rounds: int
    rate: float
    rows: tuple[Row, ...]
    left_out: dict[str, str] = {}


def results() -> Results:
    """The last run that was written down."""
    return msgspec.json.decode(RESULTS.read_bytes(), type=Results)


def faults() -> str:
    """The table."""
    last = results()
    rows = (
        (
            row.fault,
            f"{row.answered:,}",
            str(row.lost),
            f"{row.doubled} of {row.allowed}" if row.allowed else str(row.doubled),
            str(row.told_twice),
            str(row.not_delivered),
            f"{row.seconds:.1f} s",
            "held" if not row.wrong else f"**{'; '.join(row.wrong)}**",
        )
        for row in last.rows
    )
    columns = (
        "fault",
        "answered 202",
        "lost",
        "doubled, of at most",
        "told twice",
        "not delivered",
        "recovered",
        "promises",
    )
    run = f"Last run: {last.on}, seed {last.seed}, {last.rate:g} messages a second."
    missing = "".join(f" Not run: {fault} ({why})." for fault, why in last.left_out.items())
    return f"{run}{missing}\n\n{table(columns, rows)}"
