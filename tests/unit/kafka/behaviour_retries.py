"""What a stage with retry topics does on any cluster."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest

from shared.contracts.topics import retry
from shared.errors import Fatal, Postponed
from shared.kafka.at_least_once import AtLeastOnceRunner
from shared.kafka.health import Pause
from shared.kafka.record import Output, Received, Record, TopicPartition, header
from shared.kafka.retries import ATTEMPT, NOT_BEFORE
from shared.kafka.runner import Runner
from tests.support import wait_until
from tests.unit.kafka.kit import Finish, Kit, dead_letter_topic, header_values

both_kinds = pytest.mark.parametrize("kind", ["transactional", "at least once"])


def now_ms() -> int:
    return int(time.time() * 1000)


def attempt_of(record: Record) -> int:
    return int(header(record, ATTEMPT) or 0)


class Done(NamedTuple):
    """A record that was handled."""

    event: str
    attempt: int
    late_ms: int


class Desk:
    """A handler that postpones an event as often as it is told; `finish` is missing in a transactional stage."""

    def __init__(self, **times: int) -> None:
        self.done: list[Done] = []
        self.broken: set[str] = set()  # ends the process when it comes back
        self._times = times

    @property
    def events(self) -> list[str]:
        return [done.event for done in self.done]

    async def __call__(self, batch: Sequence[Received[str]], finish: Finish | None = None) -> Sequence[Output]:
        for received in batch:
            attempt = attempt_of(received.record)
            if attempt and received.event in self.broken:
                raise ZeroDivisionError
            if attempt < self._times.get(received.event, 0):
                raise Postponed("busy", "the receiver is busy")
        for received in batch:
            due = int(header(received.record, NOT_BEFORE) or 0)
            self.done.append(Done(received.event, attempt_of(received.record), now_ms() - due if due else 0))
            if finish is not None:
                finish(received)
        return ()


async def started(kit: Kit, kind: str, topic: str, desk: Desk, **options: Any) -> Runner:
    """A stage of either kind."""
    if kind == "transactional":
        return await kit.transactional([topic], desk, **options)
    return await kit.at_least_once([topic], desk, **options)


class RetriesBehaviour:
    """Inherit, and bring a fixture `kit`."""

    @both_kinds
    async def test_a_postponed_record_comes_back_when_it_is_due_and_holds_up_no_other(
        self, kit: Kit, kind: str
    ) -> None:
        source, group = await kit.topic(2), kit.group()
        plan = await kit.retried(source, "200ms", "400ms")
        desk = Desk(b=1, d=2)
        await kit.write(source, *"abcde", partition=1, headers=(("x", b"1"), ("x", b"2")))
        began = now_ms()
        await started(kit, kind, source, desk, group=group, retries=plan)
        await wait_until(lambda: len(desk.done) == 5, 20.0)
        assert desk.events == ["a", "c", "e", "b", "d"]
        assert [done.attempt for done in desk.done] == [0, 0, 0, 1, 2]
        assert min(done.late_ms for done in desk.done) >= 0
        for tier, waited, events in (("200ms", 200, [b"b", b"d"]), ("400ms", 600, [b"d"])):
            records = await kit.until_records(retry(source, tier), len(events))
            assert [record.value for record in records] == events
            for record in records:
                assert (record.key, record.partition, record.headers[:2]) == (b"k", 0, (("x", b"1"), ("x", b"2")))
                assert [name for name, _ in record.headers[2:]] == [ATTEMPT, NOT_BEFORE]
                assert int(header(record, NOT_BEFORE) or 0) >= began + waited
            await kit.until_no_lag(f"{group}.retry.{tier}", retry(source, tier))
        await kit.until_no_lag(group, source, 2)
        assert await kit.values(dead_letter_topic(source)) == []

    @both_kinds
    async def test_after_the_last_tier_it_is_a_dead_letter(self, kit: Kit, kind: str) -> None:
        source, group = await kit.topic(), kit.group()
        plan = await kit.retried(source, "20ms", "40ms")
        desk = Desk(b=3)
        await kit.write(source, "a", "b", "c")
        await started(kit, kind, source, desk, group=group, retries=plan)
        await kit.until_values(dead_letter_topic(source), ["b"])
        (letter,) = await kit.truth.records(dead_letter_topic(source))
        headers = header_values(letter)
        assert (headers[ATTEMPT], headers["dlq-error-type"]) == ("2", "busy")
        assert headers["dlq-source-topic"] == retry(source, "40ms")
        await kit.until_no_lag(f"{group}.retry.40ms", retry(source, "40ms"))
        assert sorted(desk.events) == ["a", "c"]

    @both_kinds
    async def test_over_a_restart_it_waits_no_shorter_and_is_not_forgotten(self, kit: Kit, kind: str) -> None:
        source, group = await kit.topic(), kit.group()
        plan = await kit.retried(source, "1500ms")
        desk, waiting = Desk(a=1), TopicPartition(retry(source, "1500ms"), 0)
        await kit.write(source, "a")
        for _ in range(2):
            runner = await started(kit, kind, source, desk, group=group, retries=plan)
            await wait_until(lambda: runner.health().paused == {waiting: Pause.WAITING}, 20.0)  # noqa: B023
            await asyncio.wait_for(runner.stop(60.0), 10.0)
            if desk.done:  # a slow machine: it was due before it could be stopped
                break
        runner = await started(kit, kind, source, desk, group=group, retries=plan)
        await wait_until(lambda: len(desk.done) == 1, 20.0)
        assert desk.done[0].attempt == 1
        assert desk.done[0].late_ms >= 0
        await kit.until_no_lag(f"{group}.retry.1500ms", waiting.topic)
        assert runner.health().paused == {}
        await kit.until_records(waiting.topic, 1)

    @both_kinds
    async def test_a_member_that_comes_waits_for_what_it_takes_over(self, kit: Kit, kind: str) -> None:
        source, group = await kit.topic(2), kit.group()
        plan = await kit.retried(source, "1500ms", partitions=2)
        desk = Desk(a=1, b=1)
        first = await started(kit, kind, source, desk, group=group, retries=plan)
        await kit.write(source, "a")
        await kit.write(source, "b", partition=1)
        await wait_until(lambda: len(first.health().paused) == 2, 20.0)
        second = await started(kit, kind, source, desk, group=group, retries=plan)
        await wait_until(lambda: len(desk.done) == 2, 20.0)
        assert min(done.late_ms for done in desk.done) >= 0
        await wait_until(lambda: len(second.health().assigned) == len(first.health().assigned) == 2, 20.0)

    @both_kinds
    async def test_they_come_back_in_the_order_in_which_they_are_due(self, kit: Kit, kind: str) -> None:
        source, events = await kit.topic(), [f"e{number}" for number in range(12)]
        plan = await kit.retried(source, "100ms")
        desk = Desk(**dict.fromkeys(events, 1))
        await started(kit, kind, source, desk, retries=plan, max_batch=3)
        for event in events:
            await kit.write(source, event)
        await wait_until(lambda: len(desk.done) == len(events), 20.0)
        assert desk.events == events
        assert min(done.late_ms for done in desk.done) >= 0

    @both_kinds
    async def test_what_cannot_be_read_does_not_wait_at_the_head(self, kit: Kit, kind: str) -> None:
        source, desk = await kit.topic(), Desk()
        tier = "1h"
        plan = await kit.retried(source, tier)
        await kit.write(retry(source, tier), "poison", headers=((NOT_BEFORE, b"1"),))
        await kit.write(retry(source, tier), "never", headers=((NOT_BEFORE, b"soon"),))
        await kit.write(retry(source, tier), "now", headers=((NOT_BEFORE, b"1"),))
        await kit.write(retry(source, tier), "by hand")
        await started(kit, kind, source, desk, retries=plan)
        await wait_until(lambda: len(desk.done) == 2, 20.0)
        assert desk.events == ["now", "by hand"]
        await kit.until_values(dead_letter_topic(source), ["poison", "never"])
        letters = await kit.truth.records(dead_letter_topic(source))
        assert [header_values(letter)["dlq-error-type"] for letter in letters] == [
            "not_text",
            "retry_not_before",
        ]

    @both_kinds
    async def test_a_time_by_a_clock_that_is_ahead_is_not_waited_for(self, kit: Kit, kind: str) -> None:
        source, desk = await kit.topic(), Desk()
        tier = "200ms"
        plan = await kit.retried(source, tier)
        ahead = str(now_ms() + 9_000_000).encode()
        await kit.write(retry(source, tier), "ahead", headers=((NOT_BEFORE, ahead),))
        (record,) = await kit.truth.records(retry(source, tier))
        await started(kit, kind, source, desk, retries=plan)
        await wait_until(lambda: desk.events == ["ahead"], 20.0)
        assert now_ms() >= record.timestamp + 200
        assert await kit.values(dead_letter_topic(source)) == []

    @both_kinds
    async def test_a_head_that_ends_the_process_is_quarantined(self, kit: Kit, kind: str) -> None:
        source, group = await kit.topic(), kit.group()
        plan = await kit.retried(source, "20ms")
        desk = Desk(a=1, b=1)
        desk.broken = {"a"}
        await kit.write(source, "a", "b")
        for _ in range(2):
            runner = await started(kit, kind, source, desk, group=group, retries=plan)
            with pytest.raises(Fatal, match=rf"{retry(source, '20ms')}\[0\] offset 0: ZeroDivisionError"):
                await asyncio.wait_for(runner.wait(), 20.0)
            await asyncio.wait_for(runner.stop(60.0), 10.0)
        await started(kit, kind, source, desk, group=group, retries=plan)
        await kit.until_values(dead_letter_topic(source), ["a"])
        await kit.until_no_lag(f"{group}.retry.20ms", retry(source, "20ms"))
        assert set(desk.events) == {"b"}

    async def test_without_retry_topics_its_batch_waits(self, kit: Kit) -> None:
        source, group, asked = await kit.topic(), kit.group(), 0

        async def handle(batch: Sequence[Received[str]], finish: Finish) -> None:
            nonlocal asked
            asked += 1
            if asked < 3:
                raise Postponed("busy", "the receiver is busy")
            for received in batch:
                finish(received)

        await kit.write(source, "a", "b")
        runner: AtLeastOnceRunner[str] = await kit.at_least_once([source], handle, group=group)
        await kit.until_no_lag(group, source)
        assert asked == 3
        assert runner.health().paused == {}
