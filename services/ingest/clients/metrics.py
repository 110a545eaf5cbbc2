"""Metrics of the door for client systems: one list, each with its unit and meaning."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from shared.contracts.words import Lane


class ClientMetrics:
    """Registered once per process; children taken once."""

    def __init__(self, registry: CollectorRegistry) -> None:
        requests = Counter(
            "ingest_client_requests",
            "Requests that client systems published: accepted, partly_refused, refused, replayed (answered before)",
            ("outcome",),
            registry=registry,
        )
        self.accepted = requests.labels("accepted")
        self.partly_refused = requests.labels("partly_refused")
        self.refused = requests.labels("refused")
        self.replayed = requests.labels("replayed")
        self.held = Counter(
            "ingest_client_holds", "Times that an account had to wait for its limits", registry=registry
        )
        messages = Counter(
            "ingest_client_messages", "Messages taken over from client systems", ("lane",), registry=registry
        )
        self.messages = {lane: messages.labels(lane) for lane in Lane}
        self.answers_failed = Counter(
            "ingest_client_answers_failed", "Batches of refusals that could not be written", registry=registry
        )
        self.shares = Gauge(
            "ingest_client_shares",
            "Shares of all client systems' partitions that this process reads, of 64",
            registry=registry,
        )
