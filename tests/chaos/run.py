"""`make chaos [SEED=7] [ROUNDS=1]`: every fault in turn, under load. After each, what clients were answered, what the
operator took and what customers were told is held against the promises.

Seed and rounds decide the order of the faults and every moment of chance in them. Prints a table, and writes it into
docs/reliability.md when all faults were run (`--only` runs some). The exit code is 1 if any promise was broken.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from deploy.local.jars import JarCache, read_list
from deploy.local.settings import ROOT
from docs import generate
from docs.sections.faults import RESULTS, Results, Row
from tests.chaos.faults import FULL_DISK, faults, meant
from tests.chaos.system import ChaosSystem
from tests.chaos.trial import Chaos
from tests.running import free_base


def together(rows: Sequence[Row]) -> tuple[Row, ...]:
    """One row for each fault, over all rounds."""
    merged: dict[str, Row] = {}
    for row in rows:
        one = merged.get(row.fault)
        merged[row.fault] = row if one is None else _sum(one, row)
    return tuple(merged.values())


def _sum(one: Row, other: Row) -> Row:
    counts = ("answered", "lost", "doubled", "allowed", "told_twice", "not_delivered")
    return msgspec.structs.replace(
        one,
        **{name: getattr(one, name) + getattr(other, name) for name in counts},
        seconds=max(one.seconds, other.seconds),
        wrong=one.wrong + other.wrong,
    )


def run(
    folder: Path,
    *,
    seed: int,
    rounds: int,
    rate: float,
    only: Sequence[str] = (),
    base: int | None = None,
    split: bool = False,
    say: Callable[[str], object] = lambda _: None,
) -> tuple[list[Row], dict[str, str]]:
    """Start a system of its own in `folder`, run, and stop it. The rows, and the faults that cannot be done here with
    the reasons.
    """
    left_out: dict[str, str] = {}
    system = ChaosSystem(
        folder, JarCache(ROOT / "var/cache/jars").ensure(read_list()), base or free_base(), split=split
    )

    async def live() -> list[Row]:
        every = {fault: fault.why_not(system) for fault in faults(list(system.services)) if meant(fault.name, only)}
        left_out.update({fault.name: why for fault, why in every.items() if why})
        for name, why in left_out.items():
            say(f"not run: {name} ({why})")
        async with system.looked_after():
            return await Chaos(system, seed, rate, say)([fault for fault, why in every.items() if not why], rounds)

    try:
        system.start(small_disk=meant(FULL_DISK, only))
        return asyncio.run(live()), left_out
    finally:
        system.stop()


def main(arguments: Sequence[str]) -> int:
    """Run, print, write down; 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.run", description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--rate", type=float, default=120.0, help="messages a second")
    parser.add_argument(
        "--only", action="append", default=[], help="faults with this in their name; nothing is written down"
    )
    parser.add_argument("--base", type=int, help="first port; without it free ones are taken")
    parser.add_argument("--together", action="store_true", help="a process for each service, not for each role")
    parser.add_argument("--folder", type=Path, help="data and logs, kept; without it a folder that is gone afterwards")
    given = parser.parse_args(arguments)

    def say(line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    say(f"{'fault':<62}{'202':>7}{'lost':>6}{'doubled':>12}{'twice':>5}{'not':>6}{'recovered':>11}")
    with tempfile.TemporaryDirectory(prefix="budstikke-chaos-") as name:
        folder = given.folder or Path(name)
        rows, left_out = run(
            folder,
            seed=given.seed,
            rounds=given.rounds,
            rate=given.rate,
            only=given.only,
            base=given.base,
            split=not given.together,
            say=say,
        )
    good = not any(row.wrong for row in rows)
    if not given.only:
        on = datetime.now(UTC).date().isoformat()
        found = Results(on, given.seed, given.rounds, given.rate, together(rows), left_out)
        RESULTS.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
        generate.main([])
    say("every promise was held" if good else "NOT GOOD")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
