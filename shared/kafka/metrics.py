"""The kit's metrics: one list, each with its unit and meaning. Labels name topics and groups, never people."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_AGES = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0, 86_400.0)
_RECORDS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500)


class KafkaMetrics:
    """Every metric of the kit, registered once per process and shared by its stages.

    Stages take their label children when a partition is assigned, so that counting costs no look-up per record.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        partition = ("group", "topic", "partition")

        def counter(name: str, meaning: str, labels: tuple[str, ...]) -> Counter:
            return Counter(f"kafka_{name}", meaning, labels, registry=registry)

        def gauge(name: str, meaning: str, labels: tuple[str, ...]) -> Gauge:
            return Gauge(f"kafka_{name}", meaning, labels, registry=registry)

        def histogram(name: str, meaning: str, labels: tuple[str, ...], buckets: tuple[float, ...]) -> Histogram:
            return Histogram(f"kafka_{name}", meaning, labels, buckets=buckets, registry=registry)

        self.records = counter("records", "Records finished, dead letters included", partition)
        self.dead_letters = counter("dead_letters", "Records moved to a dead-letter topic", partition)
        self.postponed = counter(
            "postponed_records", "Records moved to a retry topic, to be tried again later", partition
        )
        self.skipped = counter("skipped_records", "Unreadable records of topics read whole", ("group", "topic"))
        self.unreadable = counter(
            "unreadable_batches", "Batches of client systems that nobody can read, left out: look at them", partition
        )
        self.quarantined = counter(
            "quarantined",
            "Records moved to a dead-letter topic because they ended the process three times: page somebody",
            partition,
        )
        self.retries = counter("retries", "Batches begun again because a dependency asked for patience", partition)
        self.rebuilds = counter("producer_rebuilds", "Producers discarded and built anew", ("group", "reason"))
        self.rebalances = counter(
            "rebalances", "Assignments received: each stops the whole group for a moment", ("group",)
        )
        self.commit_failures = counter(
            "commit_failures", "Offset commits that failed and were left to a later one", ("group",)
        )
        self.batch_records = histogram("batch_records", "Records per batch", ("group",), _RECORDS)
        self.batch_seconds = histogram(
            "batch_seconds", "From taking a batch until it is finished", ("group",), _SECONDS
        )
        self.release_seconds = histogram(
            "release_seconds", "From losing partitions until their work has ended", ("group",), _SECONDS
        )
        self.unfinished = gauge("unfinished_records", "Records taken from Kafka and not yet finished", ("group",))
        self.assigned = gauge("assigned_partitions", "Partitions this process owns", ("group",))
        self.paused = gauge(
            "paused_partitions",
            "Partitions of this process that are not being read, by reason; dead_letters: until somebody restarts it",
            ("group", "reason"),
        )
        self.lag = gauge(
            "lag_records", "Offsets between the commit and the last stable offset, markers included", partition
        )
        self.age_seconds = histogram(
            "record_age_seconds",
            "From the event (`ce_time`, else the record's timestamp) until it is finished: the oldest record of each "
            "batch and partition",
            ("group",),
            _AGES,
        )
        self.oldest_age = gauge(
            "oldest_record_age_seconds",
            "The age of the oldest record of the last batch: what `kafka_lag_records` means in time",
            partition,
        )
        self.sent = counter("sent_records", "Records acknowledged by all replicas, outside transactions", ("client",))
        self.send_seconds = histogram(
            "send_seconds", "From a send until all its records are acknowledged", ("client",), _SECONDS
        )
        self.send_failures = counter(
            "send_failures", "Sends that ended without all acknowledgements", ("client", "code")
        )
