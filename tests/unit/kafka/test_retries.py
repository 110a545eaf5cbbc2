"""Whatever fails and whenever a process dies, a record of a stage with retry topics ends: done, or a dead letter."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterator, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from prometheus_client import CollectorRegistry

from shared.clock import ManualClock
from shared.contracts.topics import retry
from shared.errors import Postponed
from shared.kafka import delayed
from shared.kafka.at_least_once import AtLeastOnceRunner
from shared.kafka.attempts import Rejected
from shared.kafka.memory import MemoryCluster
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.port import MAX_RECORD_BYTES, ProducerLost
from shared.kafka.record import Output, Received, Record, header
from shared.kafka.retries import ATTEMPT, NOT_BEFORE, RetryPlan, SetAside, delay_ms, tiers_of
from shared.kafka.runner import Runner
from shared.kafka.settings import KafkaSettings
from shared.kafka.transactional import TransactionalRunner
from tests.unit.kafka.kit import Finish, dead_letter_topic, header_values, text

TIERS = ("30s", "5m", "1h")
PLAN = RetryPlan(retry, TIERS)


@pytest.mark.parametrize(("tier", "expected"), [("500ms", 500), ("30s", 30_000), ("5m", 300_000), ("1h", 3_600_000)])
def test_a_tier_is_named_by_its_delay(tier: str, expected: int) -> None:
    assert delay_ms(tier) == expected


@pytest.mark.parametrize("tiers", [(), ("5m", "30s"), ("60s", "1m"), ("0s",), ("soon",), ("1.5h",), ("30s ",)])
def test_tiers_that_do_not_grow_or_are_no_delays_are_refused(tiers: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"do not grow|is no delay"):
        RetryPlan(retry, tiers)


def test_headers_of_a_record_that_is_postponed_again_are_replaced_and_nothing_else_changes() -> None:
    clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    first, second, *_ = tiers_of("g", ["t"], PLAN)
    record = Record("t", 7, 0, 0, b"k", b"v", (("x", b"1"), ("dlq-error-type", b"old"), ("x", b"2")))
    metrics = KafkaMetrics(CollectorRegistry())

    def postponed(tier: Any, record: Record) -> Output:
        aside = SetAside(tier, dead_letter_topic, lambda _: 4, clock, metrics)
        (output,) = aside.outputs([], [Rejected(record, Postponed("busy", "busy"))])
        return output

    once = postponed(first, record)
    assert (once.topic, once.partition, once.key, once.value) == ("t.retry.30s", 3, b"k", b"v")
    assert once.headers == (*record.headers, (ATTEMPT, b"1"), (NOT_BEFORE, b"1767225630000"))
    clock.advance(40)
    again = postponed(second, Record(once.topic, 3, 0, 0, once.key, once.value, once.headers))
    assert again.topic == "t.retry.5m"
    assert again.headers == (*record.headers, (ATTEMPT, b"2"), (NOT_BEFORE, b"1767225940000"))


def test_a_record_without_room_for_the_headers_is_a_dead_letter() -> None:
    tier, *_ = tiers_of("g", ["t"], PLAN)
    clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    aside = SetAside(tier, dead_letter_topic, lambda _: 1, clock, KafkaMetrics(CollectorRegistry()))
    foreign = Record("t", 0, 0, 0, None, b"x" * (MAX_RECORD_BYTES + 40_000), ())
    (output,) = aside.outputs([], [Rejected(foreign, Postponed("busy", "busy"))])
    assert output.topic == "t.dlq"


class Tiers(RuleBasedStateMachine):
    """One stage of either kind on a cluster in memory; its clock is pushed, its processes die anywhere."""

    exactly_once: bool

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
        self.written: dict[str, int] = {}  # how often each is to be postponed
        self.written_at: dict[str, int] = {}
        self.done: list[tuple[str, int]] = []
        self.early: list[str] = []
        self.random = Random(1)
        self.runner: Runner | None = None
        self.run(self._set_up())

    def now_ms(self) -> int:
        return int(self.clock.now().timestamp() * 1000)

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        self.loop.run_until_complete(work)

    async def _set_up(self) -> None:
        names = ["t", *(retry("t", tier) for tier in TIERS)]
        self.cluster = MemoryCluster({**dict.fromkeys(names, 2), "t.dlq": 1, "done": 1}, clock=self.clock)
        await self._start()

    async def _start(self) -> None:
        options: dict[str, Any] = {
            "connection": KafkaSettings("memory", heartbeat_interval=0.001),
            "group": "g",
            "topics": ["t"],
            "decode": text,
            "dead_letter_topic": dead_letter_topic,
            "clock": self.clock,
            "metrics": KafkaMetrics(CollectorRegistry()),
            "cluster": self.cluster,
            "random": self.random,
            "retries": PLAN,
            "max_batch": 3,
            "stall_after": 1e7,
        }
        if self.exactly_once:
            self.runner = TransactionalRunner(handle=self._copy, linger=0.0, **options)
        else:
            self.runner = AtLeastOnceRunner(handle=self._finish, commit_interval=0.001, **options)
        await self.runner.start()

    def _judge(self, batch: Sequence[Received[str]]) -> None:
        for received in batch:
            record, attempt = received.record, int(header(received.record, ATTEMPT) or 0)
            waited = sum(map(delay_ms, TIERS[:attempt]))
            if self.now_ms() < max(int(header(record, NOT_BEFORE) or 0), self.written_at[received.event] + waited):
                self.early.append(received.event)
            if attempt < self.written[received.event]:
                raise Postponed("busy", "the receiver is busy")

    async def _copy(self, batch: Sequence[Received[str]]) -> Sequence[Output]:
        self._judge(batch)
        return [Output("done", 0, None, r.event.encode(), r.record.headers) for r in batch]

    async def _finish(self, batch: Sequence[Received[str]], finish: Finish) -> None:
        self._judge(batch)
        for received in batch:
            self.done.append((received.event, int(header(received.record, ATTEMPT) or 0)))
            finish(received)

    async def _settle(self, rounds: int = 60) -> None:
        """Let everything run that can run."""
        for _ in range(rounds):
            await asyncio.sleep(0.0005)

    async def _announce(self) -> None:
        self.cluster.announce()

    @rule(times=st.lists(st.integers(0, 4), min_size=1, max_size=4), partition=st.integers(0, 1))
    def write(self, times: list[int], partition: int) -> None:
        for number in times:
            event = f"{len(self.written)}"
            self.written[event], self.written_at[event] = number, self.now_ms()
            self.cluster.log("t", partition).append(Output("t", partition, b"k", event.encode()), self.now_ms(), None)
        self.run(self._announce())

    @rule(rounds=st.integers(0, 60))
    def work(self, rounds: int) -> None:
        self.run(self._settle(rounds))

    @rule(seconds=st.sampled_from([0.5, 10.0, 29.9, 30.0, 299.0, 301.0, 3600.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(when=st.sampled_from(["begin", "write", "commit", "send"]), after=st.booleans())
    def fail_once(self, when: str, after: bool) -> None:
        async def fail(operation: str) -> None:
            if operation == when:
                self.cluster.before = self.cluster.after = _nothing
                raise ProducerLost("kafka_unavailable", "connection lost")

        if after:
            self.cluster.after = fail
        else:
            self.cluster.before = fail

    @rule(deadline=st.sampled_from([0.0, 5.0]))
    def restart(self, deadline: float) -> None:
        async def restart() -> None:
            assert self.runner is not None
            await self.runner.stop(deadline)
            await self._start()

        self.run(restart())

    @invariant()
    def nothing_comes_early(self) -> None:
        assert self.early == []

    @invariant()
    def the_stage_lives(self) -> None:
        assert self.runner is not None
        assert self.runner.health().live

    @precondition(lambda self: self.written)
    @rule()
    def wait_for_the_end(self) -> None:
        async def end() -> None:
            self.cluster.before = self.cluster.after = _nothing
            for _ in range(400):
                if self._ended() >= self.written.keys():
                    break
                self.clock.advance(600.0)
                await self._settle(20)

        self.run(end())
        ended, expected = self._ended(), Counter[tuple[str, int, bool]]()
        for event, times in self.written.items():
            expected[(event, min(times, len(TIERS)), times <= len(TIERS))] += 1
        found = self._endings()
        assert found.keys() == expected.keys(), ended
        if self.exactly_once:
            assert found == expected

    def _endings(self) -> Counter[tuple[str, int, bool]]:
        """Event, attempts, and whether it was done; else it is a dead letter."""
        dead = [(r, False) for r in self.cluster.records("t.dlq")]
        copied = [(r, True) for r in self.cluster.records("done")]
        endings = Counter((event, attempt, True) for event, attempt in self.done)
        for record, good in dead + copied:
            endings[((record.value or b"").decode(), int(header_values(record).get(ATTEMPT, 0)), good)] += 1
        return endings

    def _ended(self) -> set[str]:
        return {event for event, _, _ in self._endings()}

    def teardown(self) -> None:
        async def stop() -> None:
            assert self.runner is not None
            await self.runner.stop(1.0)

        self.run(stop())
        self.loop.close()


async def _nothing(operation: str) -> None:
    del operation


@pytest.fixture(autouse=True)
def look_often(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The clock is pushed, not awaited."""
    with monkeypatch.context() as patch:
        patch.setattr(delayed, "_LOOK", 0.001)
        yield


class TransactionalTiers(Tiers):
    """Each ends exactly once."""

    exactly_once = True


class AtLeastOnceTiers(Tiers):
    """Each ends at least once, and always the same way."""

    exactly_once = False


TestTransactionalTiers = TransactionalTiers.TestCase
TestTransactionalTiers.settings = settings(max_examples=15, stateful_step_count=15, deadline=None)
TestAtLeastOnceTiers = AtLeastOnceTiers.TestCase
TestAtLeastOnceTiers.settings = settings(max_examples=15, stateful_step_count=15, deadline=None)
