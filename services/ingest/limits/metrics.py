"""Metrics of the limits: one list, each with its unit and meaning. No label names an account."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from services.ingest.limits.bucket import Resource


class LimitMetrics:
    """Registered once per process; children taken once."""

    def __init__(self, registry: CollectorRegistry) -> None:
        refused = Counter(
            "ingest_limited_requests",
            "Requests refused whole, by what there was too much of",
            ("resource",),
            registry=registry,
        )
        self.refused = {resource: refused.labels(resource) for resource in Resource}
        leases = Counter(
            "ingest_limit_leases",
            "Leases asked for: shared (from Valkey) or local (without it)",
            ("source",),
            registry=registry,
        )
        self.shared_leases = leases.labels("shared")
        self.local_leases = leases.labels("local")
        self.local = Gauge("ingest_limits_local", "1 while limits are kept by each process alone", registry=registry)
