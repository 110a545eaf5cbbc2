"""Metrics of idempotent requests: one list, each with its unit and meaning."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter


class IdempotencyMetrics:
    """Registered once per process; children taken once."""

    def __init__(self, registry: CollectorRegistry) -> None:
        requests = Counter(
            "ingest_idempotent_requests",
            "Requests with an idempotency key: claimed (new), repeated (produced again), replayed (answered from the "
            "row), reused (refused, another body)",
            ("outcome",),
            registry=registry,
        )
        self.claimed = requests.labels("claimed")
        self.repeated = requests.labels("repeated")
        self.replayed = requests.labels("replayed")
        self.reused = requests.labels("reused")
        self.answers_lost = Counter(
            "ingest_idempotency_answers_lost", "Answers that could not be kept for repeats", registry=registry
        )
