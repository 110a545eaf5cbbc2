"""Rows of the ledger that come late, out of order, from processes that die or stand still: each is in its daily sum."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection
from datetime import timedelta
from itertools import count

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.billing.usage.daily import DailyUsages
from services.billing.usage.entry import Charge
from services.billing.usage.store import Total, UsageStore
from services.billing.usage.sums import DailySums
from shared.clock import ManualClock
from shared.ids import AccountId, MessageId
from shared.money.periods import Day
from shared.stores.mongodb import MongoStore
from tests.integration.billing.outbox import Outbox
from tests.integration.billing.test_daily import told
from tests.unit.billing.building import ACCEPTED, charge

_EXAMPLES = count()


class Killed(Exception):
    """The process is gone."""


class Slow(UsageStore):
    """A ledger whose sums arrive late once: what was read is handed on when `arrive` is set."""

    def __init__(self, mongo: MongoStore) -> None:
        super().__init__(mongo)
        self.read, self.arrive = asyncio.Event(), asyncio.Event()

    async def totals(self, accounts: Collection[AccountId], first: Day, last: Day) -> list[Total]:
        found = await super().totals(accounts, first, last)
        self.read.set()
        await self.arrive.wait()
        return found


class Dying(UsageStore):
    """A ledger whose writer is killed once its rows are there."""

    async def _touch(self, days: Collection[str]) -> None:
        raise Killed


@pytest.fixture
async def sums(mongo: MongoStore, ledger: UsageStore, clock: ManualClock) -> DailySums:
    sums = DailySums(mongo, ledger, clock)
    await sums.prepare()
    return sums


def parts_told(outbox: Outbox) -> Counter[str]:
    """By account, as finance has it: of each sum the highest version."""
    newest = {one.usage_id: one for one in sorted(told(outbox), key=lambda one: one.version)}
    found: Counter[str] = Counter()
    for one in newest.values():
        found[one.account_id] += one.parts
    return found


async def test_a_row_is_summed_however_long_before_its_writing_it_was_stamped(
    sums: DailySums, ledger: UsageStore, outbox: Outbox, clock: ManualClock
) -> None:
    daily = DailyUsages(sums, outbox.send)
    await ledger.record([charge(1)], clock.now())
    await daily.look()
    stood_still_since = clock.now()
    clock.advance(3600)
    await daily.look()
    await ledger.record([charge(2)], stood_still_since)
    await daily.look()
    assert parts_told(outbox) == {"nordvik": 2}


async def test_rows_of_a_writer_that_was_killed_are_summed_when_its_batch_comes_again(
    sums: DailySums, ledger: UsageStore, outbox: Outbox, mongo: MongoStore, clock: ManualClock
) -> None:
    with pytest.raises(Killed):
        await Dying(mongo).record([charge(1, 3)], clock.now())
    clock.advance(3600)
    assert await ledger.record([charge(1, 3)], clock.now()) == 0
    await DailyUsages(sums, outbox.send).look()
    assert parts_told(outbox) == {"nordvik": 3}


async def test_a_sum_that_was_read_before_another_was_written_does_not_take_that_back(
    sums: DailySums, ledger: UsageStore, outbox: Outbox, mongo: MongoStore, clock: ManualClock
) -> None:
    slow = Slow(mongo)
    await ledger.record([charge(1)], clock.now())
    behind = asyncio.create_task(DailySums(mongo, slow, clock).refresh())
    await slow.read.wait()
    await ledger.record([charge(2)], clock.now())
    await sums.refresh()
    slow.arrive.set()
    await behind
    await DailyUsages(sums, outbox.send).look()
    assert parts_told(outbox) == {"nordvik": 2}


STEPS = st.one_of(
    st.tuples(st.sampled_from(["write", "killed"]), st.integers(0, 5), st.integers(1, 4), st.integers(0, 1)),
    st.tuples(st.sampled_from(["look", "read", "arrive", "again"]), st.just(0), st.just(0), st.just(0)),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEPS, max_size=14))
async def test_whatever_comes_between_each_part_is_told_once(
    mongo: MongoStore,
    sums: DailySums,
    ledger: UsageStore,
    clock: ManualClock,
    steps: list[tuple[str, int, int, int]],
) -> None:
    """Writers are killed behind their rows and come again, lookers stand still between reading and writing."""
    account, outbox = AccountId(f"a{next(_EXAMPLES)}"), Outbox()
    daily = DailyUsages(sums, outbox.send)
    used: Counter[str] = Counter()
    again: list[Charge] = []
    slow: tuple[Slow, asyncio.Task[int]] | None = None

    async def arrive() -> None:
        nonlocal slow
        if slow is not None:
            slow[0].arrive.set()
            await slow[1]
            slow = None

    for kind, number, parts, day in steps:
        one = msgspec.structs.replace(
            charge(number, parts, account=account),
            message_id=MessageId(f"{account}-{number}"),
            accepted_at=ACCEPTED + timedelta(days=number % 2),
        )
        clock.advance(60 * day)
        match kind:
            case "write":
                await ledger.record([one], clock.now())
                used[one.message_id] = max(used[one.message_id], parts)
            case "killed":
                with pytest.raises(Killed):
                    await Dying(mongo).record([one], clock.now())
                used[one.message_id] = max(used[one.message_id], parts)
                again.append(one)
            case "look":
                await daily.look()
            case "again" if again:
                await ledger.record([again.pop(0)], clock.now())
            case "read" if slow is None:
                ledger_of_slow = Slow(mongo)
                task = asyncio.create_task(DailySums(mongo, ledger_of_slow, clock).refresh())
                reading = asyncio.create_task(ledger_of_slow.read.wait())
                await asyncio.wait([task, reading], return_when=asyncio.FIRST_COMPLETED)
                reading.cancel()
                slow = (ledger_of_slow, task)
            case "arrive":
                await arrive()
    for one in again:
        await ledger.record([one], clock.now())
    await arrive()
    await daily.look()
    assert parts_told(outbox)[account] == sum(used.values())
