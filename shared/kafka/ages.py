"""How old records are when they are finished: what a customer waits for, hop by hop."""

from __future__ import annotations

from datetime import datetime

from shared.clock import Clock
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.record import Record, header

_HAPPENED = "ce_time"


class Ages:
    """Measures one group, once per batch and partition: at its first record, which is the oldest of them."""

    def __init__(self, group: str, clock: Clock, metrics: KafkaMetrics) -> None:
        self._group = group
        self._clock = clock
        self._seconds = metrics.age_seconds.labels(group)
        self._oldest = metrics.oldest_age

    def finished(self, record: Record) -> None:
        """The first record of a batch is finished now."""
        age = max(self._clock.now().timestamp() - happened_at(record), 0.0)
        self._seconds.observe(age)
        self._oldest.labels(self._group, record.topic, record.partition).set(age)


def happened_at(record: Record) -> float:
    """Epoch seconds of what the record tells: its `ce_time` if it has a good one, else when it was written."""
    told = header(record, _HAPPENED)
    if told is not None:
        try:
            return datetime.fromisoformat(told.decode()).timestamp()
        except ValueError:  # a client's clock may write anything; the broker's is always there
            return record.timestamp / 1000
    return record.timestamp / 1000
