"""What a sender counts. Labels are operators, links and kinds: configuration, never people."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class SenderMetrics:
    """Metrics of all operators of one process; made once."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.outcomes = Counter(
            "budstikke_sender_outcomes",
            "Attempts by outcome; unknown: whether the operator took it will be found out, or be closed by the sweeper",
            ["operator", "kind"],
            registry=registry,
        )
        self.deliveries = Counter(
            "budstikke_sender_deliveries",
            "What operators sent us (deliver_sm): incoming messages, receipts, and receipts of messages not known here",
            ["operator", "kind"],
            registry=registry,
        )
        self.binds_up = Gauge(
            "budstikke_sender_binds_up", "Binds of this process that stand", ["operator", "link"], registry=registry
        )
        self.unresolved = Gauge(
            "budstikke_sender_unresolved",
            "Attempts of this process with an intent and no outcome yet",
            ["operator"],
            registry=registry,
        )
        self.owed = Gauge(
            "budstikke_sender_owed",
            "Attempts of a predecessor that have no outcome yet",
            ["operator"],
            registry=registry,
        )
        self.leases_missing = Gauge(
            "budstikke_sender_leases_missing",
            "Assigned partitions without a valid lease",
            ["operator"],
            registry=registry,
        )
        self.seconds_to_submit = Histogram(
            "budstikke_sender_seconds_to_submit",
            "Seconds from the request at the door to the operator's answer",
            ["operator", "lane"],
            buckets=(0.02, 0.05, 0.08, 0.12, 0.25, 0.5, 1, 2, 5, 15, 60, 300),
            registry=registry,
        )
