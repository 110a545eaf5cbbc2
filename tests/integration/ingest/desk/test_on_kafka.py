"""Screening, desk and signals on the real stack: held once, decided once, let go once, whoever is killed."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from random import SystemRandom

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from prometheus_client import CollectorRegistry

from deploy.local.settings import ROOT
from services.ingest.accounts.account import Account, Sending
from services.ingest.accounts.book import AccountBook
from services.ingest.accounts.staff import CONSOLE
from services.ingest.accounts.store import DATABASE, AccountStore
from services.ingest.desk.decisions import Decisions
from services.ingest.desk.role import build_desk
from services.ingest.desk.rows import HoldState, Waiting
from services.ingest.screening.role import build_screening
from services.ingest.signals.role import build_signals
from shared.clock import SystemClock
from shared.contracts import codec, topics
from shared.contracts.abuse import Signal, SignalChanged
from shared.contracts.envelope import event_id
from shared.contracts.events import Event, MessageAccepted, PartFact, SendRequested
from shared.contracts.holds import HoldId, HoldRule
from shared.contracts.topics import LOCAL, specs
from shared.contracts.words import FactKind, Lane
from shared.ids import partition_of
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.record import Record
from shared.kafka.sending import Sender
from shared.kafka.settings import KafkaSettings
from shared.lifecycle import Component
from shared.service import Build, Context
from shared.stores.mongodb import MongoStore
from tests.catalogue import fresh
from tests.support import wait_until
from tests.unit.dispatch.building import ACCOUNT, PARTITIONS, Letters

LINK = "Se https://lodd.example/x"


class Rig:
    """The stack, and somebody who asks and decides."""

    def __init__(self, kafka: str, mongo: MongoStore, letters: Letters, sender: Sender) -> None:
        self.kafka = kafka
        self.mongo = mongo
        self.letters = letters
        self._sender = sender
        self.decisions = Decisions(mongo, AccountBook(mongo, SystemClock()), SystemClock())

    async def ask(self, count: int, text: str, twice: bool = False) -> list[SendRequested]:
        """Requests as a door writes them; with `twice` as one that repeats itself."""
        requests = [
            self.letters.requested(text, lane=list(Lane)[number % 3], partition=number % PARTITIONS)
            for number in range(count)
        ]
        await self.request(*requests, *(requests if twice else ()))
        return requests

    async def request(self, *requests: SendRequested) -> None:
        write = codec.Writer("/budstikke/ingest/api").output
        await self._sender.send(
            [
                write(
                    topics.requests(request.lane),
                    partition_of(request.message_id, PARTITIONS),
                    request,
                    event_id=f"{request.message_id}:requested",
                    time=request.requested_at,
                    subject=request.message_id,
                )
                for request in requests
            ]
        )

    async def held(self, state: Waiting) -> int:
        return int(await self.mongo.database.held.count_documents({"state": state}))

    async def holds(self) -> list[HoldId]:
        return [row["_id"] async for row in self.mongo.database.holds.find()]

    async def signals(self) -> list[tuple[Signal, bool]]:
        """Each signal that was told, and whether it went on."""
        told = [event for _, event in await self.written(topics.SIGNALS)]
        return [(event.signal, event.on) for event in told if isinstance(event, SignalChanged)]

    async def written(self, *names: str) -> list[tuple[str, Event]]:
        """Everything on these topics, with its id."""
        found = []
        async with AIOKafkaConsumer(bootstrap_servers=self.kafka, isolation_level="read_committed") as consumer:
            counts = {spec.name: spec.partitions for spec in specs(["fjord"], LOCAL)}
            partitions = [TopicPartition(name, number) for name in names for number in range(counts[name])]
            consumer.assign(partitions)
            await consumer.seek_to_beginning()
            ends = await consumer.end_offsets(partitions)
            while any([await consumer.position(one) < ends[one] for one in partitions]):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    for record in records:
                        fields = {name: getattr(record, name) for name in Record.__struct_fields__}
                        read = Record(**(fields | {"headers": tuple(fields["headers"])}))
                        found.append((event_id(read), codec.read(read)))
        return found


class Killable:
    """The role `desk` in a process of its own."""

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "services.ingest", "desk"], cwd=ROOT, stdout=subprocess.DEVNULL, env=os.environ
        )

    def kill_and_start(self) -> None:
        self.end()
        self._start()

    def end(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(10)


@pytest.fixture
async def rig(
    kafka: str, mongodb: str, valkey: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Rig]:
    for name, value in {
        "HEALTH_PORT": "0",
        "KAFKA": kafka,
        "MONGODB": mongodb,
        "VALKEY": f"{valkey}/3",
        "KEY_STORE": str(tmp_path / "keys"),
        "DESK_CLAIM": "1",
        "DESK_SECONDS": "0.05",
        "SIGNALS_WINDOW": "1",
        "SIGNALS_VOLUME": "100000",
    }.items():
        monkeypatch.setenv(f"BUDSTIKKE_{name}", value)
    connection = KafkaSettings(bootstrap=kafka)
    await fresh(connection, specs(["fjord"], LOCAL))
    mongo = MongoStore(mongodb, DATABASE)
    await mongo.start()
    await mongo.database.client.drop_database(DATABASE)
    account = Account(ACCOUNT, "Acme", default_sender="Budstikke", sending=Sending(quiet_from=0, quiet_to=0), version=1)
    await AccountStore(mongo).add_account(account)
    sender = Sender(connection=connection, clock=SystemClock(), metrics=KafkaMetrics(CollectorRegistry()))
    await sender.start()
    yield Rig(kafka, mongo, Letters(tmp_path), sender)
    await sender.stop(5.0)
    await mongo.database.client.drop_database(DATABASE)
    await mongo.stop(5.0)


@asynccontextmanager
async def running(*builds: Build) -> AsyncIterator[None]:
    registry = CollectorRegistry()
    context = Context(
        clock=SystemClock(), random=SystemRandom(), registry=registry, kafka_metrics=KafkaMetrics(registry)
    )
    components: Sequence[Component] = [component for build in builds for component in build(context)]
    started: list[Component] = []
    try:
        for component in components:
            await component.start()
            started.append(component)
        await wait_until(lambda: all(component.health().ready for component in components), 60)
        yield
    finally:
        for component in reversed(started):
            await component.stop(10.0)


async def test_held_messages_pass_once_after_approval_though_the_desk_is_killed_all_the_while(rig: Rig) -> None:
    count = 600
    desk = Killable()
    try:
        async with running(build_screening):
            requests = await rig.ask(count, LINK, twice=True)
            await wait_until(_at_least(rig, Waiting.WAITING, 1), 60)
            desk.kill_and_start()
            await wait_until(_at_least(rig, Waiting.WAITING, count), 60)
            assert await rig.written(*(topics.accepted(lane) for lane in Lane)) == []
            (hold_id,) = await rig.holds()
            await rig.decisions.decide(CONSOLE, hold_id, HoldState.APPROVED)
            for share in (0, 1, 2):
                await wait_until(_at_least(rig, Waiting.RELEASED, share * count // 3), 60)
                await asyncio.sleep(secrets.randbelow(100) / 1000)  # somewhere between claim, write and mark
                desk.kill_and_start()
            await wait_until(_at_least(rig, Waiting.RELEASED, count), 60)

            async def all_passed() -> bool:
                return len(await rig.written(*(topics.accepted(lane) for lane in Lane))) >= count

            await wait_until(all_passed, 30)
    finally:
        desk.end()

    accepted = await rig.written(*(topics.accepted(lane) for lane in Lane))
    assert Counter(message.message_id for _, message in accepted if isinstance(message, MessageAccepted)) == Counter(
        request.message_id for request in requests
    )
    facts = {event_id: fact for event_id, fact in await rig.written(topics.FACTS) if isinstance(fact, PartFact)}
    kinds = Counter(fact.kind for fact in facts.values())
    assert kinds == {FactKind.HELD: count, FactKind.RELEASED: count}


def _at_least(rig: Rig, state: Waiting, count: int) -> Callable[[], object]:
    async def enough() -> bool:
        return await rig.held(state) >= count

    return enough


async def test_while_the_volume_is_unusual_messages_are_held_and_afterwards_they_pass(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUDSTIKKE_SIGNALS_VOLUME", "50")

    async with running(build_screening, build_desk, build_signals):
        await rig.ask(120, "hei")  # wherever a window ends among them, one side has enough

        async def signalled() -> bool:
            return (Signal.VOLUME, True) in await rig.signals()

        await wait_until(signalled, 30)

        async def held() -> bool:
            await rig.ask(1, "hei igjen")
            return bool(await rig.held(Waiting.WAITING))

        await wait_until(held, 30)
        (hold_id,) = await rig.holds()

        async def over() -> bool:
            return (await rig.signals())[-1] == (Signal.VOLUME, False)

        await wait_until(over, 30)
        before = len(await rig.written(topics.accepted(Lane.EXPRESS)))
        await rig.ask(1, "hei til slutt")

        async def passed() -> bool:
            return len(await rig.written(topics.accepted(Lane.EXPRESS))) > before

        await wait_until(passed, 30)
        await rig.decisions.decide(CONSOLE, hold_id, HoldState.REJECTED)

        async def rejected() -> bool:
            codes = {fact.code for _, fact in await rig.written(topics.FACTS) if isinstance(fact, PartFact)}
            return "not_approved" in codes

        await wait_until(rejected, 30)


async def test_while_much_is_refused_the_next_message_is_held_and_is_no_refusal_itself(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUDSTIKKE_SIGNALS_LEAST", "50")
    async with running(build_screening, build_desk, build_signals):

        async def held() -> bool:
            refused = [rig.letters.requested("hei", sender="DNB", partition=one % PARTITIONS) for one in range(60)]
            await rig.request(*refused)
            await rig.ask(1, "hei")
            return bool(await rig.held(Waiting.WAITING))

        await wait_until(held, 30)
        (hold,) = await rig.mongo.database.holds.find().to_list()
        assert hold["findings"] == [{"rule": HoldRule.UNUSUAL_VOLUME, "evidence": [Signal.FAILURES]}]

        async def over() -> bool:
            await rig.ask(1, "hei")
            return (await rig.signals())[-1] == (Signal.FAILURES, False)

        await wait_until(over, 30)


async def test_a_hold_expires_with_the_validity_of_its_message(rig: Rig) -> None:
    async with running(build_screening, build_desk):
        now = SystemClock().now()
        request = rig.letters.requested(LINK, requested_at=now, valid_until=now + timedelta(seconds=2))
        await rig.request(request)
        await wait_until(_at_least(rig, Waiting.EXPIRED, 1), 30)

    kinds = [fact.kind for _, fact in await rig.written(topics.FACTS) if isinstance(fact, PartFact)]
    assert kinds == [FactKind.HELD, FactKind.EXPIRED]
