"""Metrics of the role `webhooks`: one list, each with its unit and meaning. Labels never name a customer."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from services.dlr.webhooks.client.outcome import Outcome

_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_AGES: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0, 86400.0)


class WebhookMetrics:
    """Registered once per process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._attempts = Counter(
            "budstikke_webhook_attempts",
            "Attempts, by class of the HTTP status (2xx, 5xx, …) or failure without one",
            ["outcome"],
            registry=registry,
        )
        self.seconds = Histogram(
            "budstikke_webhook_seconds",
            "From the request until its outcome",
            buckets=_SECONDS,
            registry=registry,
        )
        self.age_seconds = Histogram(
            "budstikke_webhook_age_seconds",
            "From the event until the customer had it",
            buckets=_AGES,
            registry=registry,
        )
        self.parked = Counter(
            "budstikke_webhook_parked", "Deliveries put aside to be tried again later", registry=registry
        )
        self.dead = Counter(
            "budstikke_webhook_dead", "Deliveries given up: the customer was never told", registry=registry
        )
        self.switched_off = Counter(
            "budstikke_webhook_switched_off", "Endpoints that we switched off", ["reason"], registry=registry
        )
        self.waiting = Gauge(
            "budstikke_webhook_waiting", "Deliveries that wait for a place in flight", registry=registry
        )
        self.resting = Gauge(
            "budstikke_webhook_resting", "Endpoints that are left alone for a while", registry=registry
        )
        self.history_lost = Counter(
            "budstikke_webhook_history_lost", "Successes that are not in the history", registry=registry
        )
        self._labelled: dict[str, Counter] = {}

    def attempt(self, outcome: Outcome) -> None:
        """Count an attempt; a label's look-up costs more than its count, so it is done once."""
        name = f"{outcome.status // 100}xx" if outcome.failure is None else outcome.failure.value
        counter = self._labelled.get(name)
        if counter is None:
            counter = self._labelled[name] = self._attempts.labels(name)
        counter.inc()
        self.seconds.observe(outcome.seconds)
