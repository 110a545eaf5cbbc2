"""The role `premium` as a process that is killed three times in the middle of its work."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pymongo
import pytest
from prometheus_client import CollectorRegistry

from services.billing.database import DATABASE
from services.billing.premium.entry import Entry, balances
from services.billing.premium.ledger import ENTRIES
from services.billing.premium.role import GROUP
from services.billing.rows import from_row
from shared.clock import SystemClock
from shared.contracts import topics
from shared.contracts.codec import Writer
from shared.contracts.premium import PremiumStatus
from shared.contracts.topics import LOCAL, specs
from shared.ids import partition_of
from shared.kafka.metrics import KafkaMetrics
from shared.kafka.record import Output
from shared.kafka.sending import Sender
from shared.kafka.settings import KafkaSettings
from shared.stores.mongodb import MongoStore
from tests.catalogue import fresh
from tests.integration.billing.premium.driving import leave
from tests.support import wait_until
from tests.transactions import end_transactions
from tests.unit.billing.premium.building import Books, changed, event_id, reversed_

ROOT = Path(__file__).resolve().parents[4]
PARTITIONS = 4
CHARGES = 300
KILLED_AT = (40, 120, 220)
"""Entries on record when the process is killed; there are 450 in the end."""

S = PremiumStatus
EVENTS = [
    event
    for number in range(CHARGES)
    for event in (
        changed(S.SENT, 1, number=number),
        changed(S.OK, 2, number=number),
        *([reversed_(S.SENT, 1, number=number), reversed_(S.REVERSED, 2, number=number)] if number % 2 else []),
    )
]


@pytest.fixture
async def producer(kafka: str) -> AsyncIterator[Sender]:
    connection = KafkaSettings(bootstrap=kafka)
    ours = ("premium.", "billing.")
    await fresh(connection, [spec for spec in specs([], LOCAL) if spec.name.startswith(ours)])
    sender = Sender(connection=connection, clock=SystemClock(), metrics=KafkaMetrics(CollectorRegistry()))
    await sender.start()
    yield sender
    await sender.stop(5.0)


@pytest.fixture
async def database(mongodb: str) -> AsyncIterator[MongoStore]:
    store = MongoStore(mongodb, DATABASE)
    await store.start()
    yield store
    await end_transactions(store)
    for name in await store.database.list_collection_names():
        if name.startswith("premium_"):
            await store.database[name].drop()
    await store.stop(1.0)


def records() -> list[Output]:
    """All events, nearly in their order, and one in four of them again."""
    write = Writer("/budstikke/dispatch/strex").output
    random = Random(11)
    told = [*enumerate(EVENTS), *((place, EVENTS[place]) for place in random.choices(range(len(EVENTS)), k=220))]
    told.sort(key=lambda one: one[0] + random.random() * 20)
    return [
        write(
            topics.PREMIUM_EVENTS,
            partition_of(event.transaction_id, PARTITIONS),
            event,
            event_id=event_id(event),
            time=event.at,
            subject=event.transaction_id,
        )
        for _, event in told
    ]


async def test_killed_three_times_it_books_everything_once(
    kafka: str, mongodb: str, producer: Sender, database: MongoStore, tmp_path: Path
) -> None:
    log = tmp_path / "premium.log"
    environment = {**os.environ, "BUDSTIKKE_KAFKA": kafka, "BUDSTIKKE_MONGODB": mongodb, "BUDSTIKKE_HEALTH_PORT": "0"}

    async def start() -> asyncio.subprocess.Process:
        with log.open("ab") as output:
            return await asyncio.create_subprocess_exec(
                sys.executable, "-m", "services.billing", "premium", cwd=ROOT, env=environment, stdout=output
            )

    async def booked(least: int) -> None:
        async def enough() -> bool:
            return await database.database[ENTRIES].count_documents({}) >= least

        try:
            await wait_until(enough, 40.0, waiting_for=f"{least} entries")
        except AssertionError as late:
            raise AssertionError(f"{late}; the role says: {log.read_text()[-2000:]}") from None

    expected = Books().hear(EVENTS).entries
    waiting = records()
    share = len(waiting) // (len(KILLED_AT) + 1) + 1
    for kills, least in enumerate((*KILLED_AT, len(expected))):
        victim = await start()
        try:
            await producer.send(waiting[kills * share : (kills + 1) * share])
            await booked(least)
        finally:
            victim.kill()
            await victim.wait()
        await end_transactions(database)
        await leave(kafka, GROUP)

    rows = await database.database[ENTRIES].find().to_list(None)
    entries = {entry.id: entry for entry in (from_row(row, Entry) for row in rows)}
    assert {name: entry.lines for name, entry in entries.items()} == {
        name: entry.lines for name, entry in expected.items()
    }
    assert sum(balances(entries.values()).values()) == 0


async def test_what_a_process_left_open_holds_up_nobody_once_it_is_ended(database: MongoStore) -> None:
    rows = database.database["premium_left_open"]
    await rows.insert_one({"_id": 1})
    async with database.database.client.start_session() as left:
        await left.start_transaction()
        await rows.update_one({"_id": 1}, {"$set": {"changed": True}}, session=left)
        await end_transactions(database)
        with pymongo.timeout(5.0):
            await rows.drop()
