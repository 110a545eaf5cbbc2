"""What the role `premium` counts."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter


class PremiumMetrics:
    """One set per process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.entries = Counter(
            "budstikke_premium_entries_total",
            "Entries booked for charges and reversals, by kind.",
            ["kind"],
            registry=registry,
        )
        self.unreadable = Counter(
            "budstikke_premium_rows_unreadable_total",
            "Rows to tell of that could not be read and were set aside for an hour: each is for a person.",
            registry=registry,
        )
        self.standings = Counter(
            "budstikke_premium_standings_total",
            "Transactions that came to stand so. `disputed` is for a person.",
            ["standing"],
            registry=registry,
        )
