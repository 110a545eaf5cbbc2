"""What the sweeper counts. Labels are kinds, never people."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class SweeperMetrics:
    """Made once per process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.closed = Counter(
            "budstikke_sweeper_closed", "Unknown attempts by how they were closed", ["kind"], registry=registry
        )
        self.unreadable = Counter(
            "budstikke_sweeper_rows_unreadable",
            "Rows that could not be read and were set aside for an hour: each is for a person",
            registry=registry,
        )
        self.waiting = Gauge(
            "budstikke_sweeper_unknown", "Attempts whose outcome nobody knows, of all processes", registry=registry
        )
