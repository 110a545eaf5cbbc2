"""What the desk measures."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge


class DeskMetrics:
    """Made once per process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.oldest_hold = Gauge(
            "budstikke_desk_oldest_hold_seconds",
            "How long the oldest open hold has been waiting for a person, of those in which a message waits, of all "
            "processes; 0: none waits",
            registry=registry,
        )
