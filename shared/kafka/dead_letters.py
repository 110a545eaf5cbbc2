"""Records that nobody will ever handle: what they look like on the dead-letter topic, and how many are too many."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence

import msgspec

from shared.clock import Clock
from shared.errors import BudstikkeError
from shared.kafka.attempts import Rejected
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.record import Output, Record

QUARANTINE_AFTER = 3
"""How often a record may end the process before it becomes a dead letter."""
MESSAGE_BYTES = 1024
DEAD_LETTER_BYTES = 1_040_000
"""Most that a dead letter may take: a largest record and its new headers, still within a broker's default."""
_FRAME_BYTES = 64  # length fields of a record and of its batch, generously
_HEADER_FRAME_BYTES = 10
_TIME_BYTES = 20


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
        self._run = 0
        self._seen = 0
        self._dead: deque[int] = deque()
        self.exceeded = False

    def good(self, count: int) -> None:
        """That many records in a row were handled."""
        self._seen += count
        if count:
            self._run = 0

    def after(self, records: Sequence[Record], dead: Collection[int]) -> DeadLetterCount:
        """The count once these records are done, of which those with the offsets `dead` are dead letters.

        A new object: the old one is still right if the records have to be done again.
        """
        count = DeadLetterCount(self._limit)
        count._run, count._seen, count._dead = self._run, self._seen, self._dead.copy()
        for record in records:
            if record.offset in dead:
                count._bury()
            else:
                count.good(1)
        return count

    def _bury(self) -> None:
        limit = self._limit
        self._run += 1
        self._seen += 1
        self._dead.append(self._seen)
        while self._dead[0] <= self._seen - limit.window:
            self._dead.popleft()
        too_often = self._seen >= limit.window and len(self._dead) > limit.ratio * limit.window
        self.exceeded = self.exceeded or too_often or self._run > limit.consecutive


def dead_letter(
    record: Record, error: BudstikkeError, *, topic: str, partition: int, group: str, now_ms: int
) -> Output:
    """The record as it goes to the dead-letter topic: key, value and headers unchanged, and why it is there.

    A record that has been there before keeps the time of its first failure and gets the newest reason. Of a record
    that would not fit (foreign ones may be larger than ours, or were compressed) only the reason goes there, with
    `dlq-left-out` naming its bytes: it lies where `dlq-source-*` says, for as long as that topic keeps it.
    """
    first_failed = str(now_ms).encode()
    headers: list[tuple[str, bytes | None]] = []
    for name, value in record.headers:
        if name == "dlq-first-failed-at" and value is not None and len(value) <= _TIME_BYTES:
            first_failed = value
        elif not name.startswith("dlq-"):
            headers.append((name, value))
    reason = (
        ("dlq-source-topic", record.topic.encode()),
        ("dlq-source-partition", str(record.partition).encode()),
        ("dlq-source-offset", str(record.offset).encode()),
        ("dlq-source-group", group.encode()),
        ("dlq-error-type", error.code.encode()),
        ("dlq-error-message", error.detail.encode()[:MESSAGE_BYTES].decode(errors="ignore").encode()),
        ("dlq-first-failed-at", first_failed),
    )
    letter = Output(topic, partition, record.key, record.value, (*headers, *reason))
    if not dead_letter_fits(letter):
        carried = _bytes_of(record.key, record.value, headers)
        return Output(topic, partition, None, None, (*reason, ("dlq-left-out", str(carried).encode())))
    return letter


def dead_letter_fits(output: Output) -> bool:
    """Whether a record with added headers is still within `DEAD_LETTER_BYTES`."""
    return _bytes_of(output.key, output.value, output.headers) + _FRAME_BYTES <= DEAD_LETTER_BYTES


def _bytes_of(key: bytes | None, value: bytes | None, headers: Iterable[tuple[str, bytes | None]]) -> int:
    """At most what they take."""
    head = sum(len(name.encode()) + len(content or b"") + _HEADER_FRAME_BYTES for name, content in headers)
    return len(key or b"") + len(value or b"") + head


class DeadLetters:
    """Writes one group's dead letters: each goes to the partition of its own number, as far as there is one."""

    def __init__(
        self,
        group: str,
        topic_of: Callable[[str], str],
        partition_count: Callable[[str], int],
        clock: Clock,
        metrics: KafkaMetrics,
    ) -> None:
        self._group = group
        self._topic_of = topic_of
        self._partition_count = partition_count
        self._clock = clock
        self._metrics = metrics

    def outputs(self, rejected: Iterable[Rejected]) -> list[Output]:
        """The rejected records as they go out."""
        now_ms = int(self._clock.now().timestamp() * 1000)
        outputs = []
        for record, error in ((each.record, each.error) for each in rejected):
            topic = self._topic_of(record.topic)
            partition = record.partition % self._partition_count(topic)
            outputs.append(
                dead_letter(record, error, topic=topic, partition=partition, group=self._group, now_ms=now_ms)
            )
            self._metrics.dead_letters.labels(self._group, record.topic, record.partition).inc()
        return outputs
