"""Stages over a cluster that fails in ways a real one does only on bad days."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Protocol

import pytest

from shared.errors import Fatal, TryLater
from shared.kafka import partition_worker, share_worker
from shared.kafka.choice import Done, Lot
from shared.kafka.chosen import ChosenRunner
from shared.kafka.memory import MemoryCluster
from shared.kafka.port import ProducerLost, TopicSpec, Unreadable
from shared.kafka.record import Output, Received, Record, TopicPartition
from shared.kafka.runner import Runner
from shared.kafka.tenure import Finishing
from shared.kafka.whole import WholeTopics
from shared.lifecycle import Health
from tests.support import wait_until
from tests.unit.kafka.behaviour_transactional import numbers
from tests.unit.kafka.kit import Kit, copies_to, text


class Reading(Protocol):
    """Any component that reads."""

    async def wait(self) -> None: ...

    def health(self) -> Health: ...


class Faults:
    """Makes the n-th call of an operation fail, for some n."""

    def __init__(self, operation: str, *calls: int, error: Exception | None = None) -> None:
        self._operation = operation
        self._calls = set(calls)
        self._error = error or ProducerLost("kafka_unavailable", "connection lost")
        self.count = 0

    async def __call__(self, operation: str) -> None:
        if operation == self._operation:
            self.count += 1
            if self.count in self._calls:
                raise self._error


@pytest.mark.parametrize("operation", ["init", "committed", "begin", "write", "commit"])
async def test_a_failure_before_any_step_of_a_transaction_loses_and_repeats_nothing(
    kit: Kit, memory: MemoryCluster, operation: str
) -> None:
    source, target, group = await kit.topic(), await kit.topic(), kit.group()
    await kit.write(source, *numbers(100))
    runner = await kit.transactional([source], copies_to(target), group=group, max_batch=10, start=False)
    await runner.start()
    memory.before = faults = Faults(operation, 1, 2, 4, 5)
    await kit.until_values(target, numbers(100))
    await kit.until_no_lag(group, source)
    assert faults.count > 5 or operation in ("init", "committed")


@pytest.mark.parametrize("operation", ["write", "commit"])
async def test_an_outcome_that_is_not_known_loses_and_repeats_nothing(
    kit: Kit, memory: MemoryCluster, operation: str
) -> None:
    source, target, group = await kit.topic(), await kit.topic(), kit.group()
    await kit.write(source, *numbers(100))
    memory.after = Faults(operation, 1, 3, 4)
    await kit.transactional([source], copies_to(target), group=group, max_batch=10)
    await kit.until_values(target, numbers(100))
    await kit.until_no_lag(group, source)


async def test_a_commit_that_gets_no_answer_ends_at_its_deadline(
    kit: Kit, memory: MemoryCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partition_worker, "_TRANSACTION", 0.1)
    source, target, group = await kit.topic(), await kit.topic(), kit.group()
    await kit.write(source, *numbers(30))
    silent = 2

    async def silence(operation: str) -> None:
        nonlocal silent
        if operation == "commit" and silent:
            silent -= 1
            await asyncio.Event().wait()

    memory.after = silence
    await kit.transactional([source], copies_to(target), group=group, max_batch=10)
    await kit.until_values(target, numbers(30))
    await kit.until_no_lag(group, source)


async def test_a_member_that_the_group_forgot_cannot_commit_what_its_successor_redoes(
    kit: Kit, memory: MemoryCluster
) -> None:
    source, target, group = await kit.topic(), await kit.topic(), kit.group()
    await kit.write(source, *numbers(20))
    copy, wake = copies_to(target), asyncio.Event()
    dozing: list[str] = []

    async def doze(operation: str) -> None:
        """The first commit and then the next word from the group, both the old member's, wait for `wake`."""
        if (operation == "commit" and not dozing) or (operation == "join" and dozing == ["commit"]):
            dozing.append(operation)
            await wake.wait()

    memory.before = doze
    old = await kit.transactional([source], copy, group=group)
    await wait_until(lambda: dozing == ["commit"])
    memory.lose_member(group)
    await wait_until(lambda: dozing == ["commit", "join"])
    new = await kit.transactional([source], copy, group=group)
    await kit.until_values(target, numbers(20))
    wake.set()
    await kit.write(source, *numbers(20, 20))
    await kit.until_values(target, numbers(40))
    await kit.until_no_lag(group, source)
    assert old.health().live
    assert new.health().live


async def test_commits_that_fail_are_made_up_for_by_later_ones(kit: Kit, memory: MemoryCluster) -> None:
    source, group = await kit.topic(), kit.group()

    async def handle(batch: Sequence[Received[str]], finish: object) -> None:
        for received in batch:
            finish(received)  # type: ignore[operator]

    memory.before = faults = Faults("commit_offsets", 1, 2, error=TryLater("kafka_unavailable", "coordinator away"))
    runner = await kit.at_least_once([source], handle, group=group, commit_interval=0.02)
    await kit.write(source, "a", "b")
    await kit.until_no_lag(group, source)
    assert faults.count == 3
    assert runner.health().live


class Lingering:
    """In place of the wait for company: `begun` once somebody waits, and over when `end` is set."""

    def __init__(self) -> None:
        self.begun, self.end = asyncio.Event(), asyncio.Event()

    async def __call__(self, *_: object) -> None:
        self.begun.set()
        await self.end.wait()

    async def stopped_meanwhile(self, runner: Runner) -> None:
        """Wait until somebody waits, and stop its stage before that is over."""
        await asyncio.wait_for(self.begun.wait(), 20.0)
        stopping = asyncio.create_task(runner.stop(10.0))
        await wait_until(lambda: not runner.health().assigned)
        self.end.set()
        await stopping


async def test_what_waits_for_company_when_its_partition_is_given_back_is_left_to_the_next_owner(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    linger = Lingering()
    monkeypatch.setattr(partition_worker, "linger", linger)
    source, target, group = await kit.topic(), await kit.topic(), kit.group()
    await kit.write(source, "a", "b")
    await linger.stopped_meanwhile(await kit.transactional([source], copies_to(target), group=group))
    assert await kit.values(target) == []
    await kit.transactional([source], copies_to(target), group=group)
    await kit.until_values(target, ["a", "b"])


async def test_so_is_what_waits_at_a_stage_that_works_at_least_once(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    linger, handled = Lingering(), list[str]()

    async def handle(batch: Sequence[Received[str]], finish: Finishing[str]) -> None:
        for received in batch:
            handled.append(received.event)
            finish(received)

    monkeypatch.setattr(share_worker, "asyncio", SimpleNamespace(sleep=linger, timeout=asyncio.timeout))
    source, group = await kit.topic(), kit.group()
    await kit.write(source, "a", "b")
    await linger.stopped_meanwhile(await kit.at_least_once([source], handle, group=group, linger=0.1))
    assert handled == []
    await kit.at_least_once([source], handle, group=group)
    await kit.until_no_lag(group, source)
    assert handled == ["a", "b"]


class Sleepy:
    """Time that leaps, as for a process that was stopped for long."""

    def __init__(self) -> None:
        self.slept = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic() + self.slept


async def stage_of(kit: Kit, topic: str, seen: list[str]) -> Reading:
    async def handle(batch: Sequence[Received[str]]) -> Sequence[Output]:
        seen.extend(received.event for received in batch)
        return ()

    return await kit.transactional([topic], handle, stall_after=20.0)


async def whole_of(kit: Kit, topic: str, seen: list[str]) -> Reading:
    def apply(record: Record, event: str | None) -> None:
        seen.append(event or "")

    reader = WholeTopics(
        connection=kit.settings,
        name=kit.group(),
        topics=[topic],
        decode=text,
        apply=apply,
        clock=kit.clock,
        metrics=kit.metrics,
        stall_after=20.0,
        cluster=kit.cluster,
    )
    kit.on_close(reader.stop, 2.0)
    await reader.start()
    return reader


async def chosen_of(kit: Kit, topic: str, seen: list[str]) -> Reading:
    class All:
        async def choose(self) -> Mapping[TopicPartition, int]:
            return {TopicPartition(topic, 0): 1}

        def holds(self, partition: TopicPartition, term: int) -> bool:
            return True

        async def applied(self, chosen: Mapping[TopicPartition, int]) -> None:
            pass

    async def handle(lots: Sequence[Lot]) -> Sequence[Done]:
        seen.extend((record.value or b"").decode() for lot in lots for record in lot.records)
        return [Done(len(lot.records)) for lot in lots]

    runner = ChosenRunner(
        connection=kit.settings,
        group=kit.group(),
        choice=All(),
        handle=handle,
        requires={topic: 1},
        clock=kit.clock,
        metrics=kit.metrics,
        stall_after=20.0,
        cluster=kit.cluster,
    )
    kit.on_close(runner.stop, 2.0)
    await runner.start()
    return runner


@pytest.mark.parametrize("reader_of", [stage_of, whole_of, chosen_of])
async def test_a_poll_that_fails_behind_a_long_sleep_does_not_end_the_reader(
    kit: Kit, memory: MemoryCluster, reader_of: Callable[[Kit, str, list[str]], Awaitable[Reading]]
) -> None:
    kit.clock = clock = Sleepy()
    topic, seen = await kit.topic(), list[str]()
    reader = await reader_of(kit, topic, seen)
    await kit.write(topic, "a")
    await wait_until(lambda: seen == ["a"])
    for _ in range(2):
        clock.slept += 3600.0
        memory.before = faults = Faults("poll", 1, 2, error=TryLater("kafka_unavailable", "away"))
        await wait_until(lambda faults=faults: faults.count > 2)  # type: ignore[misc]
    await kit.write(topic, "b")
    await wait_until(lambda: seen == ["a", "b"])
    assert reader.health().live


@pytest.mark.parametrize("reader_of", [stage_of, whole_of, chosen_of])
async def test_polls_that_fail_one_after_the_other_end_the_reader(
    kit: Kit, memory: MemoryCluster, reader_of: Callable[[Kit, str, list[str]], Awaitable[Reading]]
) -> None:
    kit.clock = clock = Sleepy()
    topic, seen = await kit.topic(), list[str]()
    reader = await reader_of(kit, topic, seen)
    await kit.write(topic, "a")
    await wait_until(lambda: seen == ["a"])

    async def fail(operation: str) -> None:
        if operation == "poll":
            clock.slept += 4.0
            raise TryLater("kafka_unavailable", "away")

    memory.before = fail
    with pytest.raises(Fatal, match="kafka_unreadable"):
        await asyncio.wait_for(reader.wait(), 10.0)
    assert not reader.health().live


async def test_a_batch_that_nobody_can_read_is_left_out_of_chosen_partitions_and_counted(
    kit: Kit, memory: MemoryCluster
) -> None:
    topic, seen = await kit.topic(), list[str]()
    await kit.write(topic, "a")

    async def garbage(operation: str) -> None:
        if operation == "poll" and seen == ["a"]:
            seen.append("garbage")
            await kit.write(topic, "in it", "in it", "behind")
            raise Unreadable(TopicPartition(topic, 0), 1, 3, "garbage")

    memory.before = garbage
    runner = await chosen_of(kit, topic, seen)
    await wait_until(lambda: seen == ["a", "garbage", "behind"])
    await kit.until_no_lag(runner.name, topic)
    assert kit.sample("kafka_unreadable_batches_total", group=runner.name, topic=topic, partition="0") == 1


async def test_an_offset_that_retention_has_deleted_ends_the_stage(kit: Kit, memory: MemoryCluster) -> None:
    source, target, group = await kit.topic(), await kit.topic(), kit.group()
    await kit.write(source, *numbers(5))
    first = await kit.transactional([source], copies_to(target), group=group)
    await kit.until_no_lag(group, source)
    await first.stop(5.0)
    await kit.write(source, *numbers(5, 5))
    memory.trim(source, 0, 8)
    second = await kit.transactional([source], copies_to(target), group=group)
    with pytest.raises(Fatal, match="offset_out_of_range"):
        await asyncio.wait_for(second.wait(), 10.0)
    assert await kit.values(target) == numbers(5)


async def test_an_output_for_a_partition_that_does_not_exist_ends_the_stage(kit: Kit) -> None:
    source, target = await kit.topic(), await kit.topic()

    async def handle(batch: Sequence[Received[str]]) -> Sequence[Output]:
        return [Output(target, 7, None, b"x") for _ in batch]

    await kit.write(source, "a")
    runner = await kit.transactional([source], handle)
    with pytest.raises(Fatal, match="kafka_unknown_partition"):
        await asyncio.wait_for(runner.wait(), 10.0)


async def test_an_output_for_a_topic_that_stays_unknown_ends_the_stage(kit: Kit) -> None:
    source, group = await kit.topic(), kit.group()
    await kit.write(source, "a")
    runner = await kit.transactional([source], copies_to("nowhere"), group=group)
    with pytest.raises(Fatal, match="kafka_unknown_topic: topic nowhere does not exist"):
        await asyncio.wait_for(runner.wait(), 20.0)
    assert not await kit.truth.committed(group, source, 0)


async def test_an_output_for_a_topic_that_is_unknown_for_a_moment_passes(kit: Kit) -> None:
    source, target = await kit.topic(), f"{kit.name}.late"
    await kit.write(source, "a")
    asked = 0
    copy = copies_to(target)

    async def handle(batch: Sequence[Received[str]]) -> Sequence[Output]:
        nonlocal asked
        asked += 1
        if asked == 3:
            admin = kit.keep(kit.cluster.admin())
            await admin.start()
            await admin.create([TopicSpec(target, 1)])
        return await copy(batch)

    await kit.transactional([source], handle)
    await wait_until(lambda: asked == 3)
    await kit.until_values(target, ["a"])


async def test_a_stage_can_be_started_again_after_it_was_stopped(kit: Kit) -> None:
    source, target, group = await kit.topic(), await kit.topic(), kit.group()
    runner = await kit.transactional([source], copies_to(target), group=group)
    for value in ("a", "b"):
        await kit.write(source, value)
        await kit.until_no_lag(group, source)
        await runner.stop(5.0)
        assert not runner.health().ready
        await runner.start()
    await wait_until(lambda: runner.health().ready)
    assert await kit.values(target) == ["a", "b"]
