"""Metrics of the role `usage`: one list, each with its unit and meaning. Labels never name an account or a person."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter


class UsageMetrics:
    """Registered once per process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.entries = Counter("budstikke_usage_entries", "Rows added to the usage ledger", registry=registry)
        self.repeats = Counter(
            "budstikke_usage_repeats", "Charges that the ledger knew already, asked of it or not", registry=registry
        )
        self.days = Counter("budstikke_usage_days", "Daily sums told to finance", registry=registry)
