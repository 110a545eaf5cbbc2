"""A send says yes only for what is written, fails within its deadline, and a broken producer is replaced."""

from __future__ import annotations

import asyncio

import pytest

from shared.errors import TryLater
from shared.kafka.memory import MemoryCluster
from shared.kafka.port import ProducerLost
from shared.kafka.record import Output
from tests.support import wait_until
from tests.unit.kafka.kit import Kit


def output(topic: str, value: str) -> Output:
    return Output(topic, 0, None, value.encode())


async def test_a_lost_producer_fails_the_call_and_the_next_call_builds_a_new_one(
    kit: Kit, memory: MemoryCluster
) -> None:
    topic, sender = await kit.topic(), await kit.sender()
    failures = [ProducerLost("kafka_fenced", "broken")]

    async def fail_once(operation: str) -> None:
        if operation == "send" and failures:
            raise failures.pop()

    memory.before = fail_once
    with pytest.raises(TryLater) as failed:
        await sender.send([output(topic, "a")])
    assert type(failed.value) is TryLater
    await sender.send([output(topic, "b")])
    assert await kit.values(topic) == ["b"]


async def test_an_outcome_that_is_not_known_is_reported_as_failed_though_it_was_written(
    kit: Kit, memory: MemoryCluster
) -> None:
    topic, sender = await kit.topic(), await kit.sender()

    async def lose_the_answer(operation: str) -> None:
        if operation == "send":
            raise ProducerLost("kafka_unavailable", "connection lost")

    memory.after = lose_the_answer
    with pytest.raises(TryLater):
        await sender.send([output(topic, "a")])
    assert await kit.values(topic) == ["a"]


async def test_a_call_that_gets_no_answer_fails_at_its_deadline_and_so_does_everybody_on_that_producer(
    kit: Kit, memory: MemoryCluster
) -> None:
    topic, sender = await kit.topic(), await kit.sender()
    waiting = 0

    async def never(operation: str) -> None:
        nonlocal waiting
        if operation == "send":
            waiting += 1
            await asyncio.Event().wait()

    memory.before = never
    patient = asyncio.create_task(sender.send([output(topic, "patient")], deadline=60.0))
    await wait_until(lambda: waiting == 1)
    with pytest.raises(TryLater, match="kafka_send_timeout"):
        await sender.send([output(topic, "hurried")], deadline=0.05)
    with pytest.raises(TryLater):
        await asyncio.wait_for(patient, 5.0)
    assert not sender.health().ready
    memory.before = memory.after
    await sender.send([output(topic, "new producer")])
    assert sender.health().ready
    assert await kit.values(topic) == ["new producer"]


async def test_a_cluster_that_is_away_fails_each_call_at_its_deadline(kit: Kit, memory: MemoryCluster) -> None:
    topic, sender = await kit.topic(), await kit.sender()

    async def away(operation: str) -> None:
        if operation == "init":
            await asyncio.Event().wait()
        raise ProducerLost("kafka_unavailable", "away")

    memory.before = away
    with pytest.raises(TryLater):
        await sender.send([output(topic, "a")])
    calls = [sender.send([output(topic, str(n))], deadline=0.05) for n in range(5)]
    assert {type(e) for e in await asyncio.gather(*calls, return_exceptions=True)} == {TryLater}


async def test_stopping_waits_for_running_sends_and_refuses_new_ones(kit: Kit, memory: MemoryCluster) -> None:
    topic, sender = await kit.topic(), await kit.sender()
    entered, go = asyncio.Event(), asyncio.Event()

    async def slowly(operation: str) -> None:
        if operation == "send":
            entered.set()
            await go.wait()

    memory.before = slowly
    running = asyncio.create_task(sender.send([output(topic, "a")]))
    await entered.wait()
    stopping = asyncio.create_task(sender.stop(5.0))
    await wait_until(lambda: not sender.health().ready)
    with pytest.raises(TryLater, match="kafka_sender_stopped"):
        await sender.send([output(topic, "b")])
    go.set()
    await running
    await stopping
    await sender.wait()
    assert await kit.values(topic) == ["a"]


async def test_nothing_to_send_is_nothing(kit: Kit) -> None:
    await (await kit.sender()).send([])
