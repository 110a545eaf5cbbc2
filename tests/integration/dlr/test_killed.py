"""The role `status` as a process that is killed three times in the middle of its work."""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.admin import DescribeGroupsRequest
from aiokafka.protocol.group import LeaveGroupRequest

from services.dlr.status.role import GROUP
from services.dlr.status.store import DATABASE, MessageStore
from shared.clock import ManualClock
from shared.contracts import topics
from shared.contracts.codec import read
from shared.contracts.events import MessageStatusChanged
from shared.contracts.passing import each_state
from shared.contracts.states import FINAL, State
from shared.kafka.record import Record
from shared.kafka.sending import Sender
from shared.privacy.keys import FileKeyStore
from shared.privacy.sealing import Sealer
from shared.stores.mongodb import MongoStore
from tests.integration.dlr.driving import Door, as_output, message_ids
from tests.unit.dlr.building import START

ROOT = Path(__file__).resolve().parents[3]
IDS = message_ids(2000, first=1_000_000)
KILLED_AT = (500, 2500, 4000)
"""Events of these messages on the topic. They are at least 6,000 in the end, for a receipt may overtake a fact."""


_OURS = frozenset(IDS)


class Victim:
    """The role as a process."""

    def __init__(self, kafka: str) -> None:
        self._kafka = kafka
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.dlr", "status", cwd=ROOT, stdout=asyncio.subprocess.DEVNULL
        )

    async def kill(self) -> None:
        """kill -9, and put it out of its group, which else would wait for it for ten seconds."""
        if self._process is None:
            return
        assert self._process.returncode is None
        self._process.kill()
        await self._process.wait()
        self._process = None
        client = AIOKafkaClient(bootstrap_servers=self._kafka)
        await client.bootstrap()
        try:
            node = client.get_random_node()
            described = await client.send(node, DescribeGroupsRequest([GROUP], include_authorized_operations=False))
            for member in described.groups[0][5]:
                await client.send(node, LeaveGroupRequest(GROUP, member[0]))
        finally:
            await client.close()


class Told:
    """What `sms.events` says of the messages. An event that is told again must say the same of each state."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self._said: dict[tuple[str, int], object] = {}
        self.records = 0
        self.ended: set[str] = set()
        self.by_message: dict[str, dict[int, MessageStatusChanged]] = defaultdict(dict)

    async def read_until(self, records: int = 0, ended: int = 0) -> None:
        """Read on to so many states told and so many messages in a final state."""
        async with asyncio.timeout(20):
            while self.records < records or len(self.ended) < ended:
                for fetched in (await self._consumer.getmany(timeout_ms=100)).values():
                    for one in fetched:
                        self._note(Record(one.topic, one.partition, one.offset, 0, one.key, one.value, one.headers))

    def _note(self, record: Record) -> None:
        event = read(record)
        if isinstance(event, MessageStatusChanged) and event.message_id in _OURS:
            for one in each_state(event):
                self.records += 1
                self.by_message[event.message_id][one.sequence] = one
                said = (record.partition, record.key, msgspec.structs.replace(one, charge=None))
                assert self._said.setdefault((event.message_id, one.sequence), said) == said
            if event.state in FINAL:
                self.ended.add(event.message_id)


@pytest.fixture
async def victim(environment: Path, kafka: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Victim]:
    monkeypatch.setenv("BUDSTIKKE_STATUS_BATCH", "200")
    victim = Victim(kafka)
    yield victim
    await victim.kill()


@pytest.fixture
async def told(kafka: str) -> AsyncIterator[Told]:
    async with AIOKafkaConsumer(topics.EVENTS, bootstrap_servers=kafka, auto_offset_reset="earliest") as consumer:
        yield Told(consumer)


@pytest.fixture
async def log(mongodb: str) -> AsyncIterator[MessageStore]:
    mongo = MongoStore(mongodb, DATABASE)
    await mongo.start()
    yield MessageStore(mongo)
    await mongo.stop(1.0)


async def test_killed_three_times_it_tells_every_message_to_its_end(
    environment: Path, producer: Sender, victim: Victim, told: Told, log: MessageStore
) -> None:
    door = Door(Sealer(FileKeyStore(environment), ManualClock(START)))
    stages = zip(*(door.life(message_id) for message_id in IDS), strict=True)
    for stage in stages:
        await producer.send([as_output(record) for record in stage])
    for records in KILLED_AT:
        await victim.start()
        await told.read_until(records=records)
        await victim.kill()
    await victim.start()
    await told.read_until(ended=len(IDS))

    stored = await log.load(IDS)
    assert {message.state for message in stored.values()} == {State.DELIVERED}
    for message_id in IDS:
        events = [event for _, event in sorted(told.by_message[message_id].items())]
        assert [(event.sequence, event.state) for event in events] == [
            (step.sequence, step.state) for step in stored[message_id].history
        ]
        assert [event.previous for event in events] == [None, *(event.state for event in events[:-1])]
