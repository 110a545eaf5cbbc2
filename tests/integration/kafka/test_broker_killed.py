"""The broker is killed under load and comes back: nothing that was acknowledged is lost, nothing passes twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest

from deploy.local.kafka import Kafka
from deploy.local.ports import free_port
from shared.errors import TryLater
from shared.kafka.aio import AioCluster
from shared.kafka.record import Output, Received
from shared.kafka.settings import KafkaSettings
from tests.integration.kafka.attacking import Note
from tests.integration.kafka.conftest import BrokerTruth
from tests.support import wait_until
from tests.unit.kafka.kit import Kit, copies_to


@pytest.fixture
async def broker(jars: tuple[Path, ...], tmp_path: Path) -> AsyncIterator[Kafka]:
    """A broker that may be killed."""
    broker = Kafka(
        data=tmp_path / "data",
        log=tmp_path / "kafka.log",
        port=free_port(),
        controller_port=free_port(),
        jars=jars,
    )
    try:
        await asyncio.to_thread(broker.start)
        await asyncio.to_thread(broker.wait_ready)
        yield broker
    finally:
        broker.kill()


async def test_killed_and_restarted_under_load(broker: Kafka, record_property: Note) -> None:
    """kill -9 of the broker in the middle of batches of both kinds of stages and of a sender; it is started again.

    Holds: what was acknowledged is there; the transactional stage passes it once, the other finishes it; all go on by
    themselves.
    """
    settings = KafkaSettings(
        broker.bootstrap, session_timeout=6.0, heartbeat_interval=0.5, rebalance_timeout=10.0, request_timeout=3.0
    )
    kit = Kit(AioCluster(settings), settings, BrokerTruth(broker.bootstrap))
    source, target = await kit.topic(2), await kit.topic(2)
    sender, acknowledged, finished = await kit.sender(), [], []

    async def note(batch: Sequence[Received[str]], finish: Callable[[Received[str]], None]) -> None:
        for received in batch:
            finished.append(received.event)
            finish(received)

    copier = await kit.transactional([source], copies_to(target), group=f"{kit.name}.copy", max_batch=20)
    noter = await kit.at_least_once([source], note, group=f"{kit.name}.note")
    writing = True

    async def write() -> None:
        number = 0
        while writing:
            values = [str(n) for n in range(number, number + 10)]
            try:
                await sender.send([Output(source, int(v) % 2, None, v.encode()) for v in values], deadline=5.0)
            except TryLater:
                await asyncio.sleep(0.1)
                continue
            acknowledged.extend(values)
            number += 10
            await asyncio.sleep(0.005)

    writer = asyncio.create_task(write())
    await wait_until(lambda: len(finished) > 300, 30.0)
    broker.kill()
    before = len(acknowledged)
    await asyncio.to_thread(broker.start)
    await asyncio.to_thread(broker.wait_ready)
    await wait_until(lambda: len(acknowledged) > before + 300, 60.0)
    writing = False
    await writer

    written = Counter(await kit.values(source))  # a send whose outcome was unknown may be in there twice
    assert written.keys() == set(acknowledged)
    await kit.until_values(target, list(written.elements()), 60.0)
    await kit.until_no_lag(f"{kit.name}.copy", source, 2)
    await kit.until_no_lag(f"{kit.name}.note", source, 2)
    assert set(finished) == set(acknowledged)
    assert copier.health().live
    assert noter.health().live
    record_property("figure", f"{len(acknowledged):,} acknowledged, all there")
    await kit.close()
