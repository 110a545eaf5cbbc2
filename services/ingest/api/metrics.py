"""Metrics of the front door: one list, each with its unit and meaning. Labels are routes, statuses and lanes."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

from shared.contracts.words import Lane

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_RECORDS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000)
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})


class LaneMetrics:
    """The metrics of one lane, their children taken once."""

    def __init__(self, accepted: Counter, gathered: Histogram, produced: Histogram) -> None:
        self._accepted = accepted
        self._gathered = gathered
        self._produced = produced

    def accepted(self, messages: int) -> None:
        """That many messages were promised."""
        self._accepted.inc(messages)

    def sent(self, records: int, seconds: float) -> None:
        """A flush of that many records ended, well or not."""
        self._gathered.observe(records)
        self._produced.observe(seconds)


class ApiMetrics:
    """Every metric of the role, registered once per process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "ingest_http_requests",
            "Requests answered, by the pattern of their path",
            ("method", "route", "status"),
            registry=registry,
        )
        accepted = Counter("ingest_accepted_messages", "Messages promised to callers", ("lane",), registry=registry)
        gathered = Histogram(
            "ingest_gathered_records", "Records per flush", ("lane",), buckets=_RECORDS, registry=registry
        )
        produced = Histogram(
            "ingest_produce_seconds", "From sending a flush to its end", ("lane",), buckets=_SECONDS, registry=registry
        )
        self.lanes = {
            lane: LaneMetrics(accepted.labels(lane), gathered.labels(lane), produced.labels(lane)) for lane in Lane
        }
        self._children: dict[tuple[str, str, int], Counter] = {}

    def answered(self, method: str, route: str, status: int) -> None:
        """One request was answered. `route` is the pattern of the path, never the path; `""` for an unknown one."""
        label = (method if route and method in _METHODS else "other", route or "other", status)
        child = self._children.get(label)
        if child is None:
            child = self._children[label] = self._requests.labels(*label)
        child.inc()
