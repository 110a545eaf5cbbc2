"""What the role `proof` counts."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class ProofMetrics:
    """One set per process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.finished = Counter(
            "budstikke_privacy_orders_finished_total",
            "Orders that every owner of data has answered, by kind.",
            ["kind"],
            registry=registry,
        )
        self.overdue = Gauge(
            "budstikke_privacy_orders_overdue",
            "Orders that are overdue now and that not everybody has answered. Above zero is for a person.",
            registry=registry,
        )
