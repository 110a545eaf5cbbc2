"""The page of metrics knows every class that has any, and what it says is what the class says."""

from __future__ import annotations

import ast
import re
from collections import Counter as Count
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from deploy.local.settings import ROOT
from docs.sections import metrics
from docs.sections.metrics import Metric
from shared.kafka.metrics import KafkaMetrics
from shared.telemetry.process import ProcessMetrics

KINDS = {"Counter", "Gauge", "Histogram", "Summary", "Info", "Enum"}
MODULES = sorted(
    path
    for folder in ("services", "shared")
    for path in (ROOT / folder).rglob("*.py")
    if "prometheus_client" in path.read_text()
)
KNOWN = {made.__name__ for made in metrics.classes()} | {KafkaMetrics.__name__, ProcessMetrics.__name__}


def imported(tree: ast.Module) -> set[str]:
    froms = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == "prometheus_client")
    return {name.name for node in froms for name in node.names}


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_class_that_registers_metrics_is_on_the_page(module: Path) -> None:
    tree = ast.parse(module.read_text())
    makers = {
        one.name for one in ast.walk(tree) if isinstance(one, ast.ClassDef) and KINDS & imported(tree) and makes(one)
    }
    assert makers <= KNOWN, "name it …Metrics, and make it of `context.registry` in the role.py of who uses it"


def makes(one: ast.ClassDef) -> bool:
    return any(isinstance(node, ast.keyword) and node.arg == "registry" for node in ast.walk(one))


def test_no_two_metrics_of_one_name_and_each_has_a_meaning() -> None:
    every = metrics.every()
    assert [name for name, times in Count(metric.name for metric in every).items() if times > 1] == []
    assert [metric.name for metric in every if len(re.findall(r"\w+", metric.meaning)) < 3] == []


def test_a_metric_is_told_by_the_name_that_it_is_exposed_by_with_labels_nobody_has_used_yet() -> None:
    class Three:
        def __init__(self, registry: CollectorRegistry) -> None:
            Counter("doors_opened", "Doors opened, by colour", ["colour"], registry=registry)
            Gauge("doors_open", "Doors open now", registry=registry)
            Histogram("door_seconds", "How long a door is open", ["colour"], registry=registry)

    opened, now, seconds = metrics.of(Three)
    assert opened == Metric("doors_opened_total", "counter", ("colour",), "Doors opened, by colour")
    assert now == Metric("doors_open", "gauge", (), "Doors open now")
    assert opened.series == {"doors_opened_total": {"colour"}}
    assert seconds.series == {
        "door_seconds_bucket": {"colour", "le"},
        "door_seconds_sum": {"colour"},
        "door_seconds_count": {"colour"},
    }
