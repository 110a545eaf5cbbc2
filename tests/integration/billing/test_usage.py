"""Charges into the ledger, as the kit hands them over."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random

from services.billing.usage.hearing import hear
from services.billing.usage.metrics import UsageMetrics
from services.billing.usage.store import Total, UsageStore
from services.billing.usage.usage import Usage
from shared.clock import ManualClock
from shared.contracts.events import MessageCorrected, MessageStatusChanged
from shared.contracts.states import State
from shared.kafka.record import Received
from shared.money.periods import Day
from shared.stores.mongodb import MongoStore
from tests.unit.billing.building import ACCOUNT, corrected, message_id, record, status

TODAY = Day("2026-11-23")


class Role:
    """The role's handler, driven without a broker."""

    def __init__(self, ledger: UsageStore, clock: ManualClock, metrics: UsageMetrics, *, remembered: int = 100) -> None:
        self._usage = Usage(ledger, clock, metrics, remembered=remembered)

    async def hear(self, *events: MessageStatusChanged | MessageCorrected) -> int:
        """Hand over a batch; how many records were finished."""
        finished = []
        records = [record(event) for event in events]
        await self._usage([Received(one, hear(one)) for one in records], finished.append)
        return len(finished)


async def sums(ledger: UsageStore) -> Sequence[tuple[str, int, int]]:
    totals: Sequence[Total] = await ledger.totals([ACCOUNT], TODAY, TODAY)
    return [(total.usage_id, total.messages, total.parts) for total in totals]


USAGE_ID = "nordvik:2026-11-23:fjord:NO:transactional"


async def test_every_record_is_finished_and_each_taken_message_counted_once(
    ledger: UsageStore, clock: ManualClock, metrics: UsageMetrics
) -> None:
    role = Role(ledger, clock, metrics)
    lives = [
        event
        for number in range(50)
        for event in (
            status(number, None, sequence=1, state=State.ACCEPTED),
            status(number, 2, sequence=3),
            status(number, 2, sequence=4, state=State.DELIVERED),
        )
    ]
    assert await role.hear(*lives) == 150
    assert await role.hear(*lives) == 150
    assert await sums(ledger) == [(USAGE_ID, 50, 100)]


async def test_a_member_that_remembers_nothing_adds_nothing_to_what_another_wrote(
    ledger: UsageStore, clock: ManualClock, metrics: UsageMetrics
) -> None:
    events = [status(number, 1 + number % 3) for number in range(60)]
    members = [Role(ledger, clock, metrics, remembered=0) for _ in range(3)]
    await asyncio.gather(*(member.hear(*events) for member in members))
    assert await sums(ledger) == [(USAGE_ID, 60, 120)]


async def test_parts_are_counted_once_whatever_the_order(
    ledger: UsageStore, clock: ManualClock, metrics: UsageMetrics
) -> None:
    random = Random(7)
    events = [status(number, parts) for number in range(20) for parts in (1, 2, 3)]
    events += [corrected(number, 4) for number in range(10)]
    members = [Role(ledger, clock, metrics, remembered=2) for _ in range(2)]
    for _ in range(3):
        random.shuffle(events)
        await asyncio.gather(members[0].hear(*events[:40]), members[1].hear(*events[30:]))
    assert await sums(ledger) == [(USAGE_ID, 20, 70)]


async def test_nothing_in_the_ledger_says_to_whom_a_message_went(
    ledger: UsageStore, clock: ManualClock, metrics: UsageMetrics, mongo: MongoStore
) -> None:
    await Role(ledger, clock, metrics).hear(status(1))
    row = await mongo.database["usage"].find_one({"_id": message_id(1)})
    assert row is not None
    assert sorted(row) == [
        "_id",
        "account_id",
        "category",
        "country",
        "day",
        "kind",
        "messages",
        "operator",
        "parts",
        "pseudonym",
        "recorded_at",
    ]
