"""`python -m docs.attacks`: runs every attack on the consumer kit and writes down how it ended.

The table in docs/reliability.md then says so (`python -m docs.generate`, which this calls). The exit code is pytest's.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import msgspec

from deploy.local.kafka import VERSION
from deploy.local.settings import ROOT
from docs import generate
from docs.sections.attacks import FOLDER, RESULTS, Attack, Outcome, Results, found

FIGURE = "figure"
"""Name under which a test records a property that the table shows."""


def run(report: Path) -> int:
    """Run the attacks; pytest's exit code."""
    tests = [f"{(FOLDER / attack.file).relative_to(ROOT)}::{attack.test}" for attack in found()]
    command = [sys.executable, "-m", "pytest", f"--junitxml={report}", "-o", "junit_family=xunit1", *tests]
    return subprocess.run(command, cwd=ROOT, check=False).returncode  # noqa: S603 - our own tests


def outcomes(report: Path) -> dict[str, Outcome]:
    """What a report says of each attack."""
    cases = list(ElementTree.parse(report).iter("testcase"))  # noqa: S314 - written by pytest a moment ago
    by_attack = {attack: list(_cases_of(attack, cases)) for attack in found()}
    return {
        f"{attack.file}::{attack.test}": Outcome(
            held=sum(case.find("failure") is None and case.find("error") is None for case in own),
            cases=len(own),
            figures=tuple(
                one.get("value", "") for case in own for one in case.iter("property") if one.get("name") == FIGURE
            ),
        )
        for attack, own in by_attack.items()
        if own
    }


def _cases_of(attack: Attack, cases: list[ElementTree.Element]) -> Iterator[ElementTree.Element]:
    for case in cases:
        name = case.get("name", "").partition("[")[0]
        if name == attack.test and Path(case.get("file", "")).name == attack.file:
            yield case


def main() -> int:
    """Run, write down, and bring the page up to date."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        exit_code = run(report)
        results = Results(
            on=datetime.now(UTC).date().isoformat(), against=f"Apache Kafka {VERSION}", outcomes=outcomes(report)
        )
    RESULTS.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=2) + b"\n")
    return exit_code or generate.main([])


if __name__ == "__main__":
    sys.exit(main())
