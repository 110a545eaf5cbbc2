"""Stages and processes that cannot go on: they end in time, say why and what to do, and lose nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import aiokafka
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete

from deploy.local.kafka import Kafka
from deploy.local.ports import free_port
from shared.contracts.topics import Profile, specs
from shared.errors import Fatal
from shared.kafka.aio import producer
from shared.kafka.health import Pause
from shared.kafka.record import Output, Received, TopicPartition
from shared.kafka.settings import KafkaSettings
from shared.kafka.topics import TopicSpec, create
from tests.integration.kafka.router import LONGEST, Router
from tests.support import wait_until
from tests.unit.kafka.behaviour_transactional import numbers
from tests.unit.kafka.kit import Finish, Kit, copies_to

START_SECONDS = 2.0


async def test_a_transactional_stage_that_writes_to_a_missing_topic(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    """The outputs of a transactional stage go to a topic that nobody created.

    Holds: the stage ends and names the topic; its offset stays, and with the topic each record passes once.
    """
    monkeypatch.setattr(producer, "_METADATA_TIMEOUT", 0.3)
    source, group, target = await kit.topic(), kit.group(), f"{kit.name}.missing"
    await kit.write(source, *numbers(10))
    runner = await kit.transactional([source], copies_to(target), group=group)
    with pytest.raises(Fatal, match=f"kafka_unknown_topic: topic {target} does not exist .*: create it"):
        await asyncio.wait_for(runner.wait(), 20.0)
    await runner.stop(5.0)
    assert not await kit.truth.committed(group, source, 0)
    await create(kit.settings, [TopicSpec(target, 1)])
    await kit.transactional([source], copies_to(target), group=group)
    await kit.until_values(target, numbers(10))


async def test_an_at_least_once_stage_that_writes_to_a_missing_topic(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    """The handler of an at-least-once stage sends to a topic that nobody created.

    Holds: it asks for patience, which the probes show; its offset stays, and with the topic it goes on by itself.
    """
    monkeypatch.setattr(producer, "_METADATA_TIMEOUT", 0.3)
    source, group, target = await kit.topic(), kit.group(), f"{kit.name}.missing"
    sender = await kit.sender()

    async def handle(batch: Sequence[Received[str]], finish: Finish) -> None:
        await sender.send([Output(target, 0, None, received.event.encode()) for received in batch])
        for received in batch:
            finish(received)

    await kit.write(source, *numbers(10))
    runner = await kit.at_least_once([source], handle, group=group)
    place = TopicPartition(source, 0)
    await wait_until(lambda: runner.health().paused == {place: Pause.RETRYING}, 20.0)
    assert not await kit.truth.committed(group, source, 0)
    await create(kit.settings, [TopicSpec(target, 1)])
    await kit.until_values(target, numbers(10))
    await kit.until_no_lag(group, source)


async def test_offsets_out_of_range(kit: Kit) -> None:
    """Retention deletes records that a stopped stage has not read.

    Holds: the stage ends instead of skipping them, and says which partition it is and what to do.
    """
    source, target, group = await kit.topic(), await kit.topic(), kit.group()
    await kit.write(source, *numbers(5))
    first = await kit.transactional([source], copies_to(target), group=group)
    await kit.until_no_lag(group, source)
    await first.stop(5.0)
    await kit.write(source, *numbers(5, 5))
    admin = AIOKafkaAdminClient(bootstrap_servers=kit.settings.bootstrap)
    await admin.start()
    await admin.delete_records({aiokafka.TopicPartition(source, 0): RecordsToDelete(8)})
    await admin.close()
    second = await kit.transactional([source], copies_to(target), group=group)
    with pytest.raises(Fatal, match="offset_out_of_range") as ended:
        await asyncio.wait_for(second.wait(), 20.0)
    assert f"{source}[0]" in str(ended.value)
    assert "set the group's offsets" in str(ended.value)
    assert await kit.values(target) == numbers(5)


async def test_a_service_with_a_wrong_address(tmp_path: Path) -> None:
    """A service is given an address where nobody listens.

    Holds: the process ends with 1 within its time to start, and names the address and BUDSTIKKE_KAFKA.
    """
    nowhere = f"127.0.0.1:{free_port()}"
    began = time.monotonic()
    code, output = await Router(tmp_path, nowhere, START_SECONDS).end()
    assert code == 1, output
    assert f"{nowhere} (BUDSTIKKE_KAFKA)" in output
    assert time.monotonic() - began < LONGEST / 2


async def test_a_service_that_comes_in_by_the_wrong_door(tmp_path: Path, secured: Kafka) -> None:
    """A service without a user is given the listener at which users log in.

    Holds: the process ends with 1 within its time to start, and names the address and BUDSTIKKE_KAFKA.
    """
    code, output = await Router(tmp_path, secured.clients_bootstrap, START_SECONDS).end()
    assert code == 1, output
    assert f"{secured.clients_bootstrap} (BUDSTIKKE_KAFKA)" in output


async def test_a_service_whose_topics_are_missing_and_then_too_small(tmp_path: Path, secured: Kafka) -> None:
    """A service finds no topics; then it finds topics of 2 partitions where it was told of 4.

    Holds: the process ends with 2 at once; it names each topic, and what to create, add or set.
    """
    router = Router(tmp_path, secured.bootstrap, LONGEST)
    code, output = await router.end()
    assert code == 2, output
    assert "kafka_topic_missing" in output
    assert "sms.accepted.express" in output
    assert "create the topics" in output
    small = Profile(message_partitions=2, other_partitions=1, replication=1, min_insync=1)
    await create(KafkaSettings(secured.bootstrap), specs(["fjord"], small))
    code, output = await router.end()
    assert code == 2, output
    assert "kafka_too_few_partitions" in output
    assert "sms.facts has 2, needs 4" in output
    assert "BUDSTIKKE_MESSAGE_PARTITIONS" in output
