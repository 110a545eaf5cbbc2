"""Metrics: what each class that a role makes puts on /metrics, read from a registry of its own."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from prometheus_client import CollectorRegistry

from deploy.local.settings import ROOT
from docs.sections.tables import code, sentence, table
from shared.clock import SystemClock
from shared.kafka.metrics import KafkaMetrics
from shared.telemetry.process import ProcessMetrics

HEAD = ("metric", "type", "labels", "meaning")
_ENDING: Final = "Metrics"
_SUFFIXES: Final[Mapping[str, tuple[str, ...]]] = {
    "counter": ("_total",),
    "gauge": ("",),
    "histogram": ("_bucket", "_sum", "_count"),
}


class Metric(NamedTuple):
    """One metric; a counter under the name that it is exposed by."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str

    @property
    def series(self) -> dict[str, frozenset[str]]:
        """Names that a query may use, each with its labels."""
        base = self.name.removesuffix("_total")
        more = {"_bucket": {"le"}}
        return {f"{base}{end}": frozenset({*self.labels, *more.get(end, ())}) for end in _SUFFIXES[self.kind]}


class _Kept(CollectorRegistry):
    """Remembers what was registered: a metric whose labels nobody has used yet says nothing of them when collected."""

    def __init__(self) -> None:
        super().__init__()
        self.collectors: list[Any] = []

    def register(self, collector: Any) -> None:
        super().register(collector)
        self.collectors.append(collector)

    def metrics(self) -> list[Metric]:
        """In the order in which they were registered."""
        return [_metric(family, one) for one in self.collectors for family in _families(one)]


def metrics() -> str:
    """What every process has, then a table per class."""
    lines = ["### Every process", table(HEAD, _rows(of_process()))]
    lines += ["### Every process that reads or writes Kafka", table(HEAD, _rows(of_kit()))]
    for made, users in classes().items():
        lines += [f"### {', '.join(code(user) for user in users)}: {made.__name__}", table(HEAD, _rows(of(made)))]
    return "\n\n".join(lines)


def classes() -> dict[type, tuple[str, ...]]:
    """Every class of metrics that a role makes where its parts are put together, with these roles (`ingest.api`)."""
    found: dict[type, list[str]] = {}
    for path in sorted(Path(ROOT, "services").glob("*/*/role.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for name, module in _made(tree):
            made = getattr(importlib.import_module(module), name)
            found.setdefault(made, []).append(f"{path.parts[-3]}.{_role(tree)}")
    return {made: tuple(users) for made, users in sorted(found.items(), key=lambda item: item[1])}


def of(made: Any) -> list[Metric]:
    """The metrics of a class."""
    registry = _Kept()
    made(registry)
    return registry.metrics()


def of_kit() -> list[Metric]:
    """Those of the Kafka kit."""
    return of(KafkaMetrics)


def of_process() -> list[Metric]:
    """Those that no role has to do with."""
    registry = _Kept()
    ProcessMetrics(registry, SystemClock())
    return registry.metrics()


def every() -> list[Metric]:
    """All that there is."""
    return [*of_process(), *of_kit(), *(metric for made in classes() for metric in of(made))]


def _role(tree: ast.Module) -> str:
    """The role that a module puts together: its function that takes the context alone is called after it."""
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef) and len(node.args.args) == 1)
    return next(node.name.removeprefix("build_") for node in functions if node.name.startswith("build_"))


def _made(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Each class of metrics that a module makes, and where it is from."""
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
    sources = {name.name: node.module or "" for node in imports for name in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id.endswith(_ENDING):
            yield node.func.id, sources[node.func.id]


def _families(collector: Any) -> Iterable[Any]:
    """What a metric says of itself; what a collector finds out of the process, it says when it is collected."""
    told: Iterable[Any] = collector.describe() if hasattr(collector, "describe") else collector.collect()
    return told


def _metric(family: Any, collector: Any) -> Metric:
    labels = getattr(collector, "_labelnames", None)
    if labels is None:
        labels = {name: None for sample in family.samples for name in sample.labels}
    name = f"{family.name}_total" if family.type == "counter" else family.name
    return Metric(name, family.type, tuple(labels), family.documentation)


def _rows(found: Iterable[Metric]) -> Iterator[tuple[str, ...]]:
    for metric in found:
        labels = ", ".join(map(code, metric.labels)) or "none"
        yield code(metric.name), metric.kind, labels, sentence(metric.meaning)
