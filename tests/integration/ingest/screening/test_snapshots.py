"""Snapshots of the counters beside positions on the real topics."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from services.ingest.screening.accepted_reader import AcceptedReader
from services.ingest.screening.counters import Entry, SharedCounters, Standing, digest_of
from services.ingest.screening.epochs import SnapshotEpochs
from services.ingest.screening.snapshots import SnapshotStore
from services.ingest.screening.snapshotting import Snapshots
from shared.clock import SystemClock
from shared.contracts.codec import Writer
from shared.contracts.envelope import EventId
from shared.contracts.topics import LOCAL, accepted, specs
from shared.contracts.words import Lane
from shared.ids import partition_of
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.record import Output
from shared.kafka.sending import Sender
from shared.kafka.settings import KafkaSettings
from shared.stores.valkey import ValkeyStore
from tests.catalogue import fresh
from tests.support import wait_until
from tests.unit.dispatch.building import ACCOUNT, PARTITIONS, START, Letters

MONTH = "2026-03"


def message(letters: Letters, number: int) -> Output:
    lane = list(Lane)[number % 3]
    event = letters.accepted(lane=lane, partition=number % PARTITIONS, requested_at=START)
    return Writer("/budstikke/ingest/screening").output(
        accepted(lane),
        partition_of(event.message_id, PARTITIONS),
        event,
        event_id=f"{event.message_id}:accepted",
        time=START,
        subject=event.message_id,
    )


@pytest.fixture
def letters(tmp_path: Path) -> Letters:
    return Letters(tmp_path)


async def test_counters_that_are_lost_come_back_whole(
    kafka: str, store: ValkeyStore, kept: SnapshotStore, letters: Letters
) -> None:
    connection = KafkaSettings(bootstrap=kafka)
    await fresh(connection, specs(["fjord"], LOCAL))
    sender = Sender(connection=connection, clock=SystemClock(), metrics=KafkaMetrics(CollectorRegistry()))
    reader = AcceptedReader(connection, PARTITIONS)
    counters = SharedCounters(store, SnapshotEpochs(store, kept, reader.since), remember=3600)
    snapshots = Snapshots(store, kept, reader, SystemClock(), every=0.05)

    async def accept(first: int, count: int) -> None:
        """As screening does it: count, then write. The last record lies there twice, as after a repeat."""
        entries = [Entry(digest_of(EventId(f"m{first + one}")), "p@1", ACCOUNT, MONTH, 1000) for one in range(count)]
        assert set(await counters.count(entries)) == {Standing.FRESH}
        outputs = [message(letters, number) for number in range(count)]
        await sender.send([*outputs, outputs[-1]])

    try:
        assert await snapshots.take() is False
        await accept(0, 20)
        await snapshots.start()

        async def kept_all() -> bool:
            last = await kept.last()
            return last is not None and last.used == {MONTH: {ACCOUNT: 20}} and sum(last.positions.values()) > 20

        await wait_until(kept_all)
        assert snapshots.health().ready
        await snapshots.stop(1.0)
        await accept(20, 7)
        await store.client.flushall()

        full = await counters.count([Entry(digest_of(EventId("x")), "p@1", ACCOUNT, MONTH, 27)])
        room = await counters.count([Entry(digest_of(EventId("y")), "p@1", ACCOUNT, MONTH, 28)])

        assert (full, room) == ([Standing.FULL], [Standing.FRESH])
    finally:
        await snapshots.stop(1.0)
        await sender.stop(5.0)
