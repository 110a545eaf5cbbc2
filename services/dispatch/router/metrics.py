"""What the router counts. Labels are routes and codes: configuration, never people."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter


class RouterMetrics:
    """What both handlers count; made once per process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.routed = Counter("budstikke_router_routed", "Messages by route", ["route"], registry=registry)
        self.rerouted = Counter(
            "budstikke_router_rerouted",
            "Returned messages by route and why they came back",
            ["route", "why"],
            registry=registry,
        )
        self.unrouted = Counter(
            "budstikke_router_unrouted", "Messages that got no route, by reason", ["code"], registry=registry
        )
