"""A kit on a real broker."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiokafka
import msgspec
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from deploy.local.kafka import Kafka
from deploy.local.ports import free_port
from shared.kafka.aio import AioCluster
from shared.kafka.record import Record
from shared.kafka.settings import KafkaSettings
from tests.integration.kafka.attacking import Start
from tests.integration.kafka.worker import Plan
from tests.unit.kafka.kit import Kit

ROOT = Path(__file__).resolve().parents[3]


class BrokerTruth:
    """Looks with clients of its own."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap

    async def records(self, topic: str) -> list[Record]:
        async with aiokafka.AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap, isolation_level="read_committed", auto_offset_reset="earliest"
        ) as consumer:
            places = await self._places(consumer, topic)
            consumer.assign(places)
            ends = await consumer.end_offsets(places)
            found: dict[aiokafka.TopicPartition, list[Record]] = {place: [] for place in places}
            while any([await consumer.position(place) < ends[place] for place in places]):
                for place, records in (await consumer.getmany(timeout_ms=200)).items():
                    found[place] += [
                        Record(r.topic, r.partition, r.offset, r.timestamp, r.key, r.value, r.headers)
                        for r in records
                        if r.offset < ends[place]
                    ]
        return [record for place in places for record in found[place]]

    async def committed(self, group: str, topic: str, partition: int) -> int | None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap)
        await admin.start()
        try:
            place = aiokafka.TopicPartition(topic, partition)
            offsets = await admin.list_consumer_group_offsets(group, partitions=[place])
            return offsets[place].offset if place in offsets and offsets[place].offset >= 0 else None
        finally:
            await admin.close()

    async def stable_end(self, topic: str, partition: int) -> int:
        async with aiokafka.AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap, isolation_level="read_committed"
        ) as consumer:
            place = aiokafka.TopicPartition(topic, partition)
            consumer.assign([place])
            return int((await consumer.end_offsets([place]))[place])

    @staticmethod
    async def _places(consumer: aiokafka.AIOKafkaConsumer, topic: str) -> list[aiokafka.TopicPartition]:
        await consumer._client._wait_on_metadata(topic)
        return [aiokafka.TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic))]


@pytest.fixture
def settings(kafka: str) -> KafkaSettings:
    """Impatient, so that failures show soon."""
    return KafkaSettings(kafka, session_timeout=3.0, heartbeat_interval=0.3, rebalance_timeout=6.0, start_timeout=10.0)


@pytest.fixture
async def kit(kafka: str, settings: KafkaSettings) -> AsyncIterator[Kit]:
    """A kit on the broker."""
    kit = Kit(AioCluster(settings), settings, BrokerTruth(kafka))
    yield kit
    await kit.close()


@pytest.fixture
async def start(kit: Kit) -> AsyncIterator[Start]:
    """Starts worker processes; what is left of them is killed in the end."""
    processes: list[asyncio.subprocess.Process] = []

    async def start(group: str, source: str, target: str, **options: Any) -> asyncio.subprocess.Process:
        plan = Plan(kit.settings.bootstrap, group, source, target, **options)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.integration.kafka.worker",
            msgspec.json.encode(plan).decode(),
            cwd=ROOT,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.fixture(scope="session")
def secured(jars: tuple[Path, ...], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A broker with a listener at which users log in."""
    folder = tmp_path_factory.mktemp("secured")
    broker = Kafka(
        data=folder / "data",
        log=folder / "kafka.log",
        port=free_port(),
        controller_port=free_port(),
        clients_port=free_port(),
        jars=jars,
    )
    try:
        broker.start()
        broker.wait_ready()
        yield broker
    finally:
        broker.kill()
