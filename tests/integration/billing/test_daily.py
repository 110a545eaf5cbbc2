"""Daily sums as finance is told of them."""

from __future__ import annotations

import pytest

from services.billing.usage.daily import DailyUsages
from services.billing.usage.metrics import UsageMetrics
from services.billing.usage.store import UsageStore
from services.billing.usage.sums import DailySums
from shared.clock import ManualClock
from shared.contracts import topics
from shared.contracts.billing import DailyUsage
from shared.contracts.codec import only
from shared.errors import TryLater
from shared.ids import AccountId
from shared.kafka.record import Record
from shared.stores.mongodb import MongoStore
from tests.integration.billing.outbox import Outbox
from tests.unit.billing.building import ACCEPTED, charge


@pytest.fixture
async def daily(
    mongo: MongoStore, ledger: UsageStore, outbox: Outbox, clock: ManualClock, metrics: UsageMetrics
) -> DailyUsages:
    sums = DailySums(mongo, ledger, clock)
    await sums.prepare()
    return DailyUsages(sums, outbox.send, metrics, seconds=60)


def told(outbox: Outbox) -> list[DailyUsage]:
    records = [Record(one.topic, 0, 0, 0, one.key, one.value, one.headers) for one in outbox.sent]
    assert {record.topic for record in records} <= {topics.USAGE}
    return [only(DailyUsage, record) for record in records]


async def test_a_sum_is_told_when_it_changed_and_then_with_the_next_version(
    daily: DailyUsages, ledger: UsageStore, outbox: Outbox, clock: ManualClock
) -> None:
    await ledger.record([charge(1), charge(2, 3)], clock.now())
    await daily.look()
    await daily.look()
    clock.advance(600)
    await ledger.record([charge(3)], clock.now())
    clock.advance(600)
    await daily.look()
    assert [(one.version, one.messages, one.parts) for one in told(outbox)] == [(1, 2, 4), (2, 3, 5)]
    assert {one.usage_id for one in told(outbox)} == {"nordvik:2026-11-23:fjord:NO:transactional"}


async def test_each_account_has_its_own_sum(daily: DailyUsages, ledger: UsageStore, outbox: Outbox) -> None:
    accounts = [AccountId(f"a{number:03}") for number in range(250)]
    await ledger.record([charge(number, account=account) for number, account in enumerate(accounts)], ACCEPTED)
    assert await daily.look() == 250
    assert sorted(one.account_id for one in told(outbox)) == accounts


async def test_what_a_crash_left_untold_is_told_after_all_and_the_same(
    daily: DailyUsages, ledger: UsageStore, outbox: Outbox, clock: ManualClock
) -> None:
    await ledger.record([charge(1)], clock.now())
    outbox.broken = True
    with pytest.raises(TryLater):
        await daily.look()
    outbox.broken = False
    clock.advance(3600)
    await daily.look()
    assert [(one.version, one.parts) for one in told(outbox)] == [(1, 1)]


async def test_two_members_tell_the_same(
    daily: DailyUsages, mongo: MongoStore, ledger: UsageStore, outbox: Outbox, clock: ManualClock, metrics: UsageMetrics
) -> None:
    rival = DailyUsages(DailySums(mongo, ledger, clock), outbox.send, metrics, seconds=60)
    await ledger.record([charge(1)], clock.now())
    await daily.look()
    await rival.look()
    assert len({(one.headers, one.value) for one in outbox.sent}) == 1
