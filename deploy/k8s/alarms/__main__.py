"""`python -m deploy.k8s.alarms [--check]`: the alarms as a PrometheusRule, in components/monitoring.

Exit codes: 0 written, or nothing to write; 1 with `--check`: the file differs; 2 wrong usage.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from deploy.k8s.alarms.catalogue import ALARMS, Alarm

FILE: Final = Path(__file__).parents[1] / "components/monitoring/alarms.yaml"
RUNBOOK: Final = "docs/operations/runbook.md"
_HEAD: Final = (
    "# Written by `python -m deploy.k8s.alarms` from deploy/k8s/alarms/catalogue.py: change that, not this.\n"
)
_WIDTH: Final = 120


def manifest(alarms: Iterable[Alarm]) -> dict[str, Any]:
    """The PrometheusRule."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "budstikke"},
        "spec": {"groups": [{"name": "budstikke", "rules": [_rule(alarm) for alarm in alarms]}]},
    }


def _rule(alarm: Alarm) -> dict[str, Any]:
    return {
        "alert": alarm.name,
        "expr": alarm.expression,
        "for": alarm.lasting,
        "labels": {"severity": alarm.severity.value},
        "annotations": {"summary": alarm.meaning, "runbook": f"{RUNBOOK}#{alarm.name.lower()}"},
    }


def text() -> str:
    """The file as it should be."""
    return _HEAD + yaml.safe_dump(manifest(ALARMS), sort_keys=False, width=_WIDTH)


def main(arguments: Sequence[str]) -> int:
    """Write or check."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write("usage: python -m deploy.k8s.alarms [--check]\n")
        return 2
    if FILE.exists() and FILE.read_text(encoding="utf-8") == text():
        return 0
    if arguments:
        sys.stderr.write(f"{FILE.name} is not what the catalogue gives: run `python -m deploy.k8s.alarms`\n")
        return 1
    FILE.write_text(text(), encoding="utf-8")
    sys.stdout.write(f"wrote {FILE.name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
