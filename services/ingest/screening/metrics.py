"""What screening counts. Labels are verdicts and rules, never accounts or people."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter


class ScreeningMetrics:
    """Made once per process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.verdicts = Counter(
            "budstikke_screening_verdicts",
            "Requests by verdict and the rule that gave it; repeat: decided before",
            ["verdict", "rule"],
            registry=registry,
        )
