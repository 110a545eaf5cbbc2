"""What is told of counts and when, with a table that is a dictionary."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random

from prometheus_client import CollectorRegistry

from services.ingest.signals.signals import Signals
from services.ingest.signals.windows import Thresholds
from shared.clock import ManualClock
from shared.contracts import codec, topics
from shared.contracts.abuse import SignalChanged, TrafficCounted
from shared.errors import TryLater
from shared.ids import AccountId
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.record import Output, Record

ACME = AccountId("acme")
START = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
LIMITS = Thresholds(window=timedelta(minutes=1), volume=100, failures=50, least=20)


class Bench:
    """Signals, their table, and what they sent. `away` is how many sends fail."""

    def __init__(self) -> None:
        self.rows: dict[bytes, bytes] = {}
        self.sent: list[Output] = []
        self.away = 0
        self.clock = ManualClock(START)
        self.signals = self.restarted()

    def restarted(self) -> Signals:
        metrics = KafkaMetrics(CollectorRegistry())
        self.signals = Signals(
            self.rows, self.send, LIMITS, group="g", clock=self.clock, random=Random(1), metrics=metrics
        )
        return self.signals

    async def send(self, outputs: Sequence[Output]) -> None:
        if self.away:
            self.away -= 1
            raise TryLater("kafka_unavailable", "away")
        self.sent += outputs

    async def take(self, offset: int, passed: int, second: int = 1, *, still: bool = True) -> bool:
        event = TrafficCounted(account_id=ACME, until=START + timedelta(seconds=second), passed=passed)
        output = codec.Writer("/x").output(topics.COUNTS, 0, event, event_id="1", time=START, subject=ACME)
        return await self.signals.take(recorded(output, offset), lambda: still)

    def told(self) -> list[tuple[bool, int]]:
        """Everything since the last time."""
        events = [codec.only(SignalChanged, recorded(output, 0)) for output in self.sent]
        self.sent.clear()
        return [(event.on, event.value) for event in events]


def recorded(output: Output, offset: int) -> Record:
    return Record(output.topic, output.partition, offset, 0, output.key, output.value, output.headers)


async def test_a_count_that_comes_again_changes_nothing_and_is_told_again() -> None:
    bench = Bench()
    assert [await bench.take(0, 60), await bench.take(1, 50)] == [True, True]
    rows = dict(bench.rows)
    bench.restarted()
    await bench.take(0, 60)
    await bench.take(1, 50)
    assert bench.rows == rows
    assert bench.told() == [(True, 110)] * 3


async def test_a_count_is_kept_after_it_was_told_however_long_that_takes() -> None:
    bench = Bench()
    bench.away = 2
    assert await bench.take(0, 101)
    assert (bench.away, bench.told()) == (0, [(True, 101)])


async def test_of_a_partition_that_has_gone_to_another_process_nothing_is_kept() -> None:
    bench = Bench()
    assert not await bench.take(0, 101, still=False)
    assert (bench.rows, bench.sent) == ({}, [])


async def test_what_cannot_be_read_is_a_dead_letter_and_finished() -> None:
    bench = Bench()
    assert await bench.signals.take(Record(topics.COUNTS, 0, 0, 0, None, b"{", ()), lambda: True)
    assert [(output.topic, output.value) for output in bench.sent] == [("sms.counts.dlq", b"{")]


async def test_time_takes_a_signal_back_once_and_after_a_restart_once_more() -> None:
    bench = Bench()
    await bench.take(0, 101)
    bench.told()

    bench.clock.advance(119)
    await bench.signals.settle({0})
    assert bench.told() == []
    bench.clock.advance(1)
    await bench.signals.settle({0})
    await bench.signals.settle({0})
    assert bench.told() == [(False, 101)]
    await bench.restarted().settle({0})
    assert bench.told() == [(False, 101)]


async def test_signals_of_accounts_of_other_partitions_are_left_to_their_process() -> None:
    bench = Bench()
    await bench.take(0, 101)
    bench.told()
    bench.clock.advance(120)
    await bench.signals.settle({1})
    assert bench.told() == []


async def test_after_it_was_taken_back_the_next_unusual_window_is_told() -> None:
    bench = Bench()
    await bench.take(0, 101)
    bench.clock.advance(120)
    await bench.signals.settle({0})
    await bench.take(1, 3, 121)
    await bench.take(2, 99, 122)
    assert bench.told() == [(True, 101), (False, 101), (True, 102)]
