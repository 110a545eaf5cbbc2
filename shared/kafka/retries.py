"""Retry topics: a record that cannot be handled now waits there, without holding up those behind it.

A tier is a topic beside each source topic, `<topic>.retry.<delay>`, and a group of its own that reads it. One topic has
one delay, so the head of a partition is always the next that is due, and waiting for it is exact. The handler raises
`Postponed`; the record goes to the next tier, after the last one to the dead letters. Its key, value and headers stay
as they are, its order among the records of its source is lost; two headers (UTF-8 text) are added:

    retry-attempt       how often it has been postponed, from 1
    retry-not-before    when it may be handled again, epoch milliseconds

It waits at most the tier's delay from its timestamp on, whatever the clock of its writer said.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from shared.clock import Clock
from shared.errors import BadRecord
from shared.kafka.attempts import OnPostponed, Rejected
from shared.kafka.dead_letters import DeadLetters, dead_letter_fits
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.record import Decode, E, Output, Record, header

TIERS = ("30s", "5m", "1h")
ATTEMPT, NOT_BEFORE = "retry-attempt", "retry-not-before"

_DELAY = re.compile(r"([1-9]\d{0,5})(ms|s|m|h)")
_UNIT_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}
_MOMENT = re.compile(rb"\d{1,15}")


def delay_ms(tier: str) -> int:
    """Milliseconds of a tier, which is named by its delay: `500ms`, `30s`, `5m`, `1h`. Raises ValueError."""
    found = _DELAY.fullmatch(tier)
    if found is None:
        raise ValueError(f"{tier!r} is no delay such as 30s, 5m or 1h")
    return int(found[1]) * _UNIT_MS[found[2]]


@dataclass(frozen=True, slots=True)
class RetryPlan:
    """The tiers of a stage. `topic` names the retry topic of a source topic and a tier.

    Only one group may declare retries of a topic: whoever reads a retry topic gets all that is in it. Raises ValueError
    for tiers that are not delays, each longer than the one before.
    """

    topic: Callable[[str, str], str]
    tiers: tuple[str, ...] = TIERS

    def __post_init__(self) -> None:
        delays = [delay_ms(tier) for tier in self.tiers]
        if not delays or delays != sorted(set(delays)):
            raise ValueError(f"tiers {self.tiers} do not grow")


@dataclass(frozen=True, slots=True)
class Tier:
    """What one group of a stage reads: the topics themselves (`attempt` 0), or their retry topics of one delay.

    `sources` says of each topic that is read which one it stands for; `onward`, where what is postponed goes.
    """

    group: str
    attempt: int
    delay_ms: int
    sources: Mapping[str, str]
    onward: Mapping[str, str]
    onward_ms: int
    on_postponed: OnPostponed

    def due_ms(self, record: Record) -> int:
        """When the record may be handled, epoch milliseconds; 0 for one that somebody put here without a time.

        Never later than this tier's delay after its timestamp: a clock that is ahead, or another delay, would hold up
        all behind it. Raises BadRecord for what is no time.
        """
        told = header(record, NOT_BEFORE)
        if told is None or not self.attempt:
            return 0
        if not _MOMENT.fullmatch(told):
            raise BadRecord("retry_not_before", f"header {NOT_BEFORE} is not a time in epoch milliseconds")
        return min(int(told), record.timestamp + self.delay_ms)

    def decoding(self, decode: Decode[E]) -> Decode[E]:
        """The decoder of a stage, for this tier."""

        def checked(record: Record) -> E:
            self.due_ms(record)
            return decode(record)

        return checked if self.attempt else decode


def tiers_of(group: str, topics: Sequence[str], plan: RetryPlan | None) -> Sequence[Tier]:
    """The groups of a stage: that of its topics, then one for each tier."""
    if plan is None:
        return [Tier(group, 0, 0, {topic: topic for topic in topics}, {}, 0, OnPostponed.WAIT)]
    groups = [group, *(f"{group}.retry.{tier}" for tier in plan.tiers)]
    reads = [list(topics), *([plan.topic(topic, tier) for topic in topics] for tier in plan.tiers)]
    delays = [0, *map(delay_ms, plan.tiers)]
    tiers = [
        Tier(
            groups[attempt],
            attempt,
            delays[attempt],
            dict(zip(reads[attempt], topics, strict=True)),
            dict(zip(reads[attempt], reads[attempt + 1], strict=True)),
            delays[attempt + 1],
            OnPostponed.MOVE,
        )
        for attempt in range(len(plan.tiers))
    ]
    last = dict(zip(reads[-1], topics, strict=True))
    return [*tiers, Tier(groups[-1], len(plan.tiers), delays[-1], last, {}, 0, OnPostponed.BURY)]


class SetAside:
    """Writes what the handler of one tier did not take: dead letters, and what is postponed to the next tier.

    Each goes to the partition of its own number, as far as there is one.
    """

    def __init__(
        self,
        tier: Tier,
        dead_letter_topic: Callable[[str], str],
        partition_count: Callable[[str], int],
        clock: Clock,
        metrics: KafkaMetrics,
    ) -> None:
        self._tier = tier
        self._dead_letters = DeadLetters(
            tier.group, lambda topic: dead_letter_topic(tier.sources[topic]), partition_count, clock, metrics
        )
        self._partition_count = partition_count
        self._clock = clock
        self._metrics = metrics

    @property
    def on_postponed(self) -> OnPostponed:
        """What becomes of a postponed record here."""
        return self._tier.on_postponed

    def outputs(self, rejected: Iterable[Rejected], postponed: Iterable[Rejected]) -> list[Output]:
        """The records as they go out. A postponed one that has no room for the headers is a dead letter."""
        outputs = self._dead_letters.outputs(rejected)
        now_ms = int(self._clock.now().timestamp() * 1000)
        for each in postponed:
            output = self._postponed(each.record, now_ms)
            if not dead_letter_fits(output):
                outputs += self._dead_letters.outputs([each])
                continue
            outputs.append(output)
            self._metrics.postponed.labels(self._tier.group, each.record.topic, each.record.partition).inc()
        return outputs

    def _postponed(self, record: Record, now_ms: int) -> Output:
        tier = self._tier
        topic = tier.onward[record.topic]
        kept = tuple((name, value) for name, value in record.headers if name not in (ATTEMPT, NOT_BEFORE))
        added = ((ATTEMPT, str(tier.attempt + 1).encode()), (NOT_BEFORE, str(now_ms + tier.onward_ms).encode()))
        return Output(topic, record.partition % self._partition_count(topic), record.key, record.value, kept + added)
