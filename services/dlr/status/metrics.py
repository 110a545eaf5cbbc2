"""Metrics of the role `status`: one list, each with its unit and meaning. Labels never name an account or a person."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram

_AGES: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0, 86400.0)
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class StatusMetrics:
    """Registered once per process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.states = Counter(
            "budstikke_status_states",
            "States that messages came to, told at once or along with the next, and corrections; replays included",
            ["state"],
            registry=registry,
        )
        self.moves = Counter(
            "budstikke_status_moves",
            "What came of requests, facts and receipts: applied, or why not (waiting, replayed, repeated, late, "
            "backwards, corrected, unplaced)",
            ["move"],
            registry=registry,
        )
        self.backwards = Counter(
            "budstikke_status_backwards",
            "Reports that contradict what is known of the message: noted, not applied",
            ["state", "claimed"],
            registry=registry,
        )
        self.conflicts = Counter(
            "budstikke_status_conflicts",
            "Messages folded again because the store had another version than expected",
            registry=registry,
        )
        self.orphans = Counter(
            "budstikke_status_orphans",
            "Receipts without message id, by whether the message was found: yes, no (they wait), late (they waited), "
            "never (a dead letter)",
            ["found"],
            registry=registry,
        )
        self.batch_seconds = Histogram(
            "budstikke_status_batch_seconds",
            "From a batch's arrival until its events are out",
            buckets=_SECONDS,
            registry=registry,
        )
        self.age_seconds = Histogram(
            "budstikke_status_age_seconds",
            "From the request to a state, replays included",
            ["lane", "state"],
            buckets=_AGES,
            registry=registry,
        )
