"""Signals on a real broker: counted once, whatever comes again, goes down or cannot be read."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import SystemRandom
from typing import BinaryIO

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import OffsetAndMetadata
from faust.tables.manager import TableManager
from faust.types import TP
from prometheus_client import CollectorRegistry

from deploy.local.settings import ROOT
from services.ingest.signals import app as app_module
from services.ingest.signals.app import CountsApp
from services.ingest.signals.role import GROUP, build_signals
from services.ingest.signals.windows import Window
from shared.clock import SystemClock
from shared.contracts import codec, topics
from shared.contracts.abuse import SignalChanged, TrafficCounted
from shared.contracts.topics import LOCAL, specs
from shared.errors import BadSettings, Fatal
from shared.ids import AccountId
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.record import Output, Record
from shared.kafka.sending import Sender
from shared.kafka.settings import KafkaSettings
from shared.service import Context
from shared.tasks import end
from tests.catalogue import fresh
from tests.support import wait_until

TOPICS = [spec for spec in specs([], LOCAL) if spec.name.startswith(("sms.counts", "abuse.", "ingest.signals"))]
COUNTS = TopicPartition(topics.COUNTS, 0)
ACME, FJORD = AccountId("acme"), AccountId("fjord")
MOST_ENDS = 2
STANDSTILL = app_module.PATIENCE + 40.0
"""Seconds until a process that stands still has ended, and the next one reads the table."""


class Rig:
    """The topics, and screening that counts."""

    def __init__(self, kafka: str, sender: Sender) -> None:
        self.kafka = kafka
        self.sender = sender

    async def count(
        self, passed: int, account_id: AccountId = ACME, *, refused: int = 0, age: float = 0.0, partition: int = 0
    ) -> None:
        """One count, of `age` seconds ago."""
        now = datetime.now(UTC) - timedelta(seconds=age)
        write = codec.Writer("/budstikke/ingest/screening").output
        event = TrafficCounted(account_id=account_id, until=now, passed=passed, refused=refused)
        await self.sender.send([write(topics.COUNTS, partition, event, event_id="1", time=now, subject=account_id)])

    async def records(self, partition: TopicPartition) -> Sequence[Record]:
        """Everything that lies there."""
        found: list[Record] = []
        async with AIOKafkaConsumer(bootstrap_servers=self.kafka) as consumer:
            consumer.assign([partition])
            await consumer.seek_to_beginning()
            end = (await consumer.end_offsets([partition]))[partition]
            while await consumer.position(partition) < end:
                found += await _polled(consumer, partition)
        return found

    async def signals(self) -> Sequence[tuple[str, str, bool, int]]:
        read = [codec.only(SignalChanged, one) for one in await self.records(TopicPartition(topics.SIGNALS, 0))]
        return [(one.account_id, one.signal, one.on, one.value) for one in read]

    async def window(self, account_id: AccountId = ACME, *, partition: int = 0) -> Window | None:
        """The account's row as a process that starts finds it."""
        rows = {one.key: one.value for one in await self.records(TopicPartition(topics.SIGNAL_WINDOWS, partition))}
        row = rows.get(account_id.encode())
        return msgspec.json.decode(row, type=Window) if row else None

    async def counted(self, requests: int, account_id: AccountId = ACME, *, partition: int = 0) -> None:
        """Wait until so many requests are in the account's window."""

        found: list[int] = []

        async def there() -> bool:
            window = await self.window(account_id, partition=partition)
            found[:] = [window.requested] if window is not None else []
            return found == [requests]

        try:
            await wait_until(there, 40)
        except AssertionError:
            raise AssertionError(f"of {requests} requests of {account_id} are counted: {found}") from None

    async def committed(
        self, *offsets: int, deadline: float = 60.0, meanwhile: Callable[[], object] = lambda: None
    ) -> None:
        """Wait until the group is behind all counts before these, of partition 0 and those after it."""
        wanted = {TopicPartition(topics.COUNTS, number): offset for number, offset in enumerate(offsets)}
        async with AIOKafkaConsumer(bootstrap_servers=self.kafka, group_id=GROUP) as consumer:

            async def there() -> bool:
                meanwhile()
                return all([await consumer.committed(place) == offset for place, offset in wanted.items()])

            await wait_until(there, deadline)

    async def rewind(self) -> None:
        """What happens when the last commits are lost: everything comes again."""
        async with AIOKafkaConsumer(bootstrap_servers=self.kafka, group_id=GROUP, enable_auto_commit=False) as consumer:
            consumer.assign([COUNTS])
            await consumer.commit({COUNTS: OffsetAndMetadata(0, "")})


async def _polled(consumer: AIOKafkaConsumer, partition: TopicPartition) -> Sequence[Record]:
    polled = (await consumer.getmany(timeout_ms=200)).get(partition, [])
    fields = [{name: getattr(one, name) for name in Record.__struct_fields__} for one in polled]
    return [Record(**(each | {"headers": tuple(each["headers"])})) for each in fields]


@pytest.fixture
async def rig(kafka: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    for name, value in {
        "HEALTH_PORT": "0",
        "KAFKA": kafka,
        "SIGNALS_WINDOW": "3600",
        "SIGNALS_VOLUME": "100",
        "SIGNALS_FAILURES": "50",
        "SIGNALS_LEAST": "20",
    }.items():
        monkeypatch.setenv(f"BUDSTIKKE_{name}", value)
    await fresh(KafkaSettings(bootstrap=kafka), TOPICS)
    async with counting(kafka) as rig:
        yield rig


@asynccontextmanager
async def counting(kafka: str) -> AsyncIterator[Rig]:
    """A rig that knows the topics as they are now."""
    connection = KafkaSettings(bootstrap=kafka)
    sender = Sender(connection=connection, clock=SystemClock(), metrics=KafkaMetrics(CollectorRegistry()))
    await sender.start()
    try:
        yield Rig(kafka, sender)
    finally:
        await sender.stop(5.0)


def context() -> Context:
    registry = CollectorRegistry()
    return Context(SystemClock(), SystemRandom(), registry, KafkaMetrics(registry))


@asynccontextmanager
async def started() -> AsyncIterator[CountsApp]:
    """The role in this process, which reads its table now."""
    sender, app = build_signals(context())
    assert isinstance(app, CountsApp)
    await sender.start()
    await app.start()
    try:
        yield app
    finally:
        await app.stop(20.0)
        await sender.stop(5.0)


@asynccontextmanager
async def running() -> AsyncIterator[CountsApp]:
    """The role in this process, as soon as it is ready."""
    async with started() as app:
        await wait_until(lambda: app.health().ready, 60)
        yield app


async def test_an_account_above_the_threshold_is_told_and_others_are_not(rig: Rig) -> None:
    async with running():
        await rig.count(100)
        await rig.count(60, FJORD)
        await rig.count(1)
        await rig.counted(101)
        await rig.counted(60, FJORD)
    assert await rig.signals() == [(ACME, "volume", True, 101)]


async def test_an_account_of_which_much_is_refused_is_told_until_it_is_no_more(rig: Rig) -> None:
    async with running():
        await rig.count(0, FJORD, refused=19)
        await rig.count(30, refused=29)
        await rig.count(0, refused=1)
        await rig.counted(60)
        await rig.counted(19, FJORD)
        assert await rig.signals() == [(ACME, "failures", True, 50)]
        await rig.count(5, age=-2 * 3600)  # two windows on
        await rig.counted(5)
    assert await rig.signals() == [(ACME, "failures", True, 50), (ACME, "failures", False, 0)]


async def test_a_restart_goes_on_with_its_table_and_a_replay_counts_once(rig: Rig) -> None:
    async with running():
        await rig.count(60)
        await rig.counted(60)
        await rig.committed(1)

    async with running():
        await rig.count(30)
        await rig.counted(90)
        await rig.committed(2)

    await rig.rewind()
    async with running():
        await rig.committed(2)
        await rig.count(11)
        await rig.counted(101)
    assert await rig.signals() == [(ACME, "volume", True, 101)]


async def test_records_that_cannot_be_read_become_dead_letters_and_the_next_is_counted(rig: Rig) -> None:
    unreadable = [
        Output(topics.COUNTS, 0, None, None),
        Output(topics.COUNTS, 0, b"\xff", b"{", (("ce_type", b"no.budstikke.sms.traffic-counted.v1"),)),
        Output(topics.COUNTS, 0, b"acme", b"not json"),
    ]
    async with running():
        await rig.sender.send(unreadable)
        await rig.count(7)
        await rig.counted(7)
        await rig.committed(4)
    dead = await rig.records(TopicPartition(topics.dead_letters(topics.COUNTS), 0))
    assert [(one.key, one.value) for one in dead] == [(one.key, one.value) for one in unreadable]


async def test_without_more_traffic_time_takes_a_signal_back_after_a_restart_too(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running():
        await rig.count(101)
        await rig.counted(101)

    monkeypatch.setenv("BUDSTIKKE_SIGNALS_WINDOW", "1")
    async with running():

        async def taken_back() -> bool:
            return (await rig.signals())[-1] == (ACME, "volume", False, 101)

        await wait_until(taken_back, 30)


async def test_a_table_with_other_partitions_than_the_counts_is_a_bad_setting(rig: Rig) -> None:
    connection = KafkaSettings(bootstrap=rig.kafka)
    two = [msgspec.structs.replace(spec, partitions=2) if spec.name == topics.COUNTS else spec for spec in TOPICS]
    await fresh(connection, two)
    try:
        _, app = build_signals(context())
        with pytest.raises(BadSettings, match="as many partitions"):
            await app.start()
    finally:
        await fresh(connection, TOPICS)


def process(log: BinaryIO | int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    """The role as a process of its own, to be killed."""
    return subprocess.Popen([sys.executable, "-m", "services.ingest", "signals"], cwd=ROOT, stdout=log, env=os.environ)


async def test_a_group_that_has_read_nothing_begins_at_the_beginning_for_certain(rig: Rig) -> None:
    async with running():
        await rig.committed(0)


async def test_a_table_whose_reading_stands_still_ends_the_process(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "PATIENCE", 0.6)
    async with started() as app:
        monkeypatch.setattr(app, "_whole", lambda: False)
        with pytest.raises(Fatal, match="faust_stands_still"):
            await asyncio.wait_for(app.wait(), 60)
        assert not app.health().live


async def test_a_table_is_waited_for_as_long_as_more_of_it_is_read(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as app:
        tables, looks = app._app.tables, 0
        assert isinstance(tables, TableManager)

        def read_on_for_fifty_looks() -> bool:
            nonlocal looks
            looks += 1
            if looks <= 50:
                tables.recovery.active_offsets[TP(topics.SIGNAL_WINDOWS, 0)] = looks
            return False

        monkeypatch.setattr(app, "_whole", read_on_for_fifty_looks)
        watching = asyncio.create_task(app._watch(0.06))
        with pytest.raises(Fatal, match="faust_stands_still"):
            await asyncio.wait_for(app.wait(), 60)
        assert looks > 50
        await end(watching)


async def test_a_group_that_has_committed_its_beginning_alone_is_taken_back_to_it(rig: Rig) -> None:
    build_signals(context())
    await rig.count(1)
    await rig.rewind()
    async with AIOKafkaConsumer(bootstrap_servers=rig.kafka, group_id=GROUP, enable_auto_commit=False) as consumer:
        consumer.assign([COUNTS])
        await consumer.getone()
        assert await consumer.position(COUNTS) == 1
        assert await consumer.seek_to_committed() == {COUNTS: 0}
        assert await consumer.position(COUNTS) == 0


async def test_of_two_processes_one_is_killed_and_the_other_goes_on_with_its_counts(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = KafkaSettings(bootstrap=rig.kafka)
    two = {topics.COUNTS, topics.SIGNAL_WINDOWS}
    await fresh(
        connection, [msgspec.structs.replace(spec, partitions=2) if spec.name in two else spec for spec in TOPICS]
    )
    monkeypatch.setattr(app_module, "PATIENCE", 6.0)
    other, apps = process(), list[CountsApp]()

    async def kept_running() -> None:
        """As a supervisor does: what ends by itself is started again."""
        while True:
            async with started() as app:
                apps.append(app)
                with suppress(Fatal):
                    await app.wait()

    survivor = asyncio.create_task(kept_running())
    try:
        async with counting(rig.kafka) as rig:
            await wait_until(lambda: bool(apps) and apps[-1].health().ready and len(apps[-1]._partitions()) == 1, 60)
            for _ in range(40):
                await rig.count(1, ACME, partition=0)
                await rig.count(1, FJORD, partition=1)
            await rig.counted(40, ACME, partition=0)
            await rig.counted(40, FJORD, partition=1)
            other.kill()
            for _ in range(20):
                await rig.count(1, ACME, partition=0)
                await rig.count(1, FJORD, partition=1)
            await rig.committed(60, 60)
            taken_over = [await rig.window(ACME, partition=0), await rig.window(FJORD, partition=1)]
            # Faust may lose a count while it restores a table (ADR 12), and adds none twice.
            before = [window.requested for window in taken_over if window is not None]
            assert [40 < requested <= 60 for requested in before] == [True, True]
            for _ in range(20):
                await rig.count(1, ACME, partition=0)
                await rig.count(1, FJORD, partition=1)
            await rig.counted(before[0] + 20, ACME, partition=0)
            await rig.counted(before[1] + 20, FJORD, partition=1)
            assert len(apps[-1]._partitions()) == 2
    finally:
        await end(survivor)
        other.kill()
        other.wait(10)
        await fresh(connection, TOPICS)


class Supervised:
    """The role as a process of its own, to be killed. It is started again, as a supervisor does, when it ends by itself
    because the reading of its table stands still (ADR 12); if for another reason, or too often, the test fails.
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        self._ends = 0
        self._start()

    def _start(self) -> None:
        with self._log.open("wb") as log:
            self.process = process(log)

    def kill(self) -> None:
        """With SIGKILL, and start it again."""
        self.process.kill()
        self.process.wait(10)
        self._start()

    def look(self) -> None:
        """Start it again if it has ended."""
        if self.process.poll() is not None:
            self._ends += 1
            assert "faust_stands_still" in self._log.read_text(), self.process.returncode
            assert self._ends <= MOST_ENDS
            self._start()


@pytest.mark.timeout(MOST_ENDS * STANDSTILL + 120)
async def test_when_the_process_is_killed_nothing_is_counted_twice_and_at_most_one_is_lost_each_time(
    rig: Rig, tmp_path: Path
) -> None:
    running = Supervised(tmp_path / "log")
    try:
        for number in range(1, 201):
            await rig.count(1, FJORD)
            if number == 100:
                await rig.counted(100, FJORD)
            if number in (101, 150):
                running.kill()
        await rig.committed(200, deadline=MOST_ENDS * STANDSTILL + 60, meanwhile=running.look)
        window = await rig.window(FJORD)
        assert window is not None
        assert 198 <= window.requested <= 200  # ADR 12
        running.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(running.process.wait, 30) == 0
    finally:
        running.process.kill()
        running.process.wait(10)
