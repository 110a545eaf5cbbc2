"""Records that nobody will ever handle: what they look like on the dead-letter topic, and how many are too many."""

from __future__ import annotations

import math
from collections import deque

import msgspec

from shared.errors import Refused
from shared.kafka.record import Output, Record

MESSAGE_BYTES = 1024


class DeadLetterLimit(msgspec.Struct, frozen=True):
    """When a partition stops instead of draining into its dead-letter topic, as after a bad deploy.

    Stops at more than `consecutive` dead letters in a row, or at more than `ratio` of the last `window` records once
    that many have been seen. A stopped partition keeps its offset and stays stopped until its owner restarts.
    """

    consecutive: int = 100
    ratio: float = 0.1
    window: int = 1000


DEFAULT_LIMIT = DeadLetterLimit()


class DeadLetterCount:
    """Counts one partition's verdicts against a limit."""

    def __init__(self, limit: DeadLetterLimit) -> None:
        self._limit = limit
        self._allowed = math.floor(limit.ratio * limit.window)
        self._run = 0
        self._seen = 0
        self._dead: deque[int] = deque()

    def good(self, count: int) -> None:
        """That many records in a row were handled."""
        self._seen += count
        if count:
            self._run = 0

    def dead(self) -> bool:
        """One more was not. True when that is one too many."""
        self._run += 1
        self._seen += 1
        self._dead.append(self._seen)
        while self._dead[0] <= self._seen - self._limit.window:
            self._dead.popleft()
        too_often = self._seen >= self._limit.window and len(self._dead) > self._allowed
        return self._run > self._limit.consecutive or too_often


def dead_letter(record: Record, error: Refused, *, topic: str, partition: int, group: str, now_ms: int) -> Output:
    """The record as it goes to the dead-letter topic: key, value and headers unchanged, and why it is there.

    A record that has been there before keeps the time of its first failure and gets the newest reason.
    """
    first_failed = str(now_ms).encode()
    headers: list[tuple[str, bytes]] = []
    for name, value in record.headers:
        if name == "dlq-first-failed-at":
            first_failed = value
        elif not name.startswith("dlq-"):
            headers.append((name, value))
    headers += [
        ("dlq-source-topic", record.topic.encode()),
        ("dlq-source-partition", str(record.partition).encode()),
        ("dlq-source-offset", str(record.offset).encode()),
        ("dlq-source-group", group.encode()),
        ("dlq-error-type", error.code.encode()),
        ("dlq-error-message", error.detail.encode()[:MESSAGE_BYTES].decode(errors="ignore").encode()),
        ("dlq-first-failed-at", first_failed),
    ]
    return Output(topic, partition, record.key, record.value, tuple(headers))
