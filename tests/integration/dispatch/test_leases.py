"""One holder at a time, by the database's clock."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from services.dispatch.sender.held import HeldLeases
from services.dispatch.sender.lease import LIFETIME, Lease, LeaseStore
from shared.clock import ManualClock
from shared.errors import TryLater
from shared.kafka.record import TopicPartition
from shared.stores.mongodb import Database
from tests.support import wait_until

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
PARTITION = TopicPartition("sms.dispatch.fjord.express", 2)
KEY = "sms.dispatch.fjord.express:2"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


def store(database: Database, owner: str, clock: ManualClock) -> LeaseStore:
    return LeaseStore(database, owner, clock)


async def expire(database: Database) -> None:
    """As after ten seconds, by the database's clock."""
    await database.leases.update_many({}, [{"$set": {"expires_at": {"$subtract": ["$$NOW", 1]}}}])


async def test_a_lease_has_one_holder(database: Database, clock: ManualClock) -> None:
    a, b = store(database, "a", clock), store(database, "b", clock)

    taken = await a.acquire(KEY)

    assert taken is not None
    assert taken == Lease(KEY, 1, LIFETIME, 0.0, taken.settled_before)
    assert await b.acquire(KEY) is None
    assert await a.acquire(KEY) is None


async def test_of_many_that_ask_at_once_one_gets_it(database: Database, clock: ManualClock) -> None:
    stores = [store(database, f"owner {number}", clock) for number in range(8)]

    answers = await asyncio.gather(*(one.acquire(KEY) for one in stores))

    assert [lease.epoch for lease in answers if lease is not None] == [1]


async def test_after_its_expiry_another_has_it_in_a_new_epoch_and_the_old_holder_learns_it(
    database: Database, clock: ManualClock
) -> None:
    a, b = store(database, "a", clock), store(database, "b", clock)
    old = await a.acquire(KEY)
    assert old is not None
    await expire(database)

    new = await b.acquire(KEY)

    assert new is not None
    assert new.epoch == 2
    assert await a.renew([old], NOON) == ()
    await a.release([old])
    assert await a.acquire(KEY) is None
    assert len(await b.renew([new], NOON)) == 1


async def test_a_lapsed_lease_that_nobody_took_can_be_renewed(database: Database, clock: ManualClock) -> None:
    a = store(database, "a", clock)
    lease = await a.acquire(KEY)
    assert lease is not None
    await expire(database)

    (renewed,) = await a.renew([lease], NOON)

    assert renewed.epoch == lease.epoch
    assert await store(database, "b", clock).acquire(KEY) is None


async def test_a_released_lease_can_be_had_at_once_and_no_renewal_revives_it(
    database: Database, clock: ManualClock
) -> None:
    a, b = store(database, "a", clock), store(database, "b", clock)
    lease = await a.acquire(KEY)
    assert lease is not None

    await a.release([lease])

    assert await a.renew([lease], NOON) == ()
    assert await b.acquire(KEY) is not None


async def test_a_renewal_says_how_far_everything_is_settled(database: Database, clock: ManualClock) -> None:
    a, b = store(database, "a", clock), store(database, "b", clock)
    lease = await a.acquire(KEY)
    assert lease is not None

    await a.renew([lease], NOON)
    await a.release([lease])
    await b.acquire(KEY)

    row = await database.leases.find_one({"_id": KEY})
    assert row is not None
    assert row["settled_before"] == NOON


async def test_of_several_renewals_only_what_is_still_ours_comes_back(database: Database, clock: ManualClock) -> None:
    a = store(database, "a", clock)
    kept, lost = await a.acquire("one"), await a.acquire("two")
    assert kept is not None
    assert lost is not None
    await database.leases.update_one({"_id": "two"}, {"$set": {"owner": "b", "epoch": 2}})
    clock.advance(3)

    (renewed,) = await a.renew([kept, lost], NOON)

    assert (renewed.id, renewed.valid_until) == ("one", 3 + LIFETIME)


async def test_the_holder_believes_in_its_lease_for_less_time_than_it_has(
    database: Database, clock: ManualClock
) -> None:
    leases = HeldLeases(store(database, "a", clock), clock)
    leases.start()
    await leases.want({PARTITION})
    await wait_until(lambda: leases.epoch_of(KEY) == 1)

    leases._store = _Away()  # type: ignore[assignment]
    clock.advance(8.9)
    assert leases.epoch_of(KEY) == 1
    clock.advance(0.2)
    assert leases.epoch_of(KEY) is None
    assert leases.missing == 1

    leases._store = store(database, "a", clock)
    await wait_until(lambda: leases.epoch_of(KEY) is not None)
    await leases.stop()


async def test_renewing_keeps_the_epoch_for_as_long_as_it_goes_on(database: Database, clock: ManualClock) -> None:
    leases = HeldLeases(store(database, "a", clock), clock)
    leases.start()
    await leases.want({PARTITION})
    await wait_until(lambda: leases.epoch_of(KEY) == 1)

    for _ in range(5):
        clock.advance(5)
        leases._wake.set()
        await wait_until(lambda: leases._held[KEY].valid_until == clock.monotonic() + LIFETIME)

    assert leases.epoch_of(KEY) == 1
    await leases.stop()


async def test_a_lease_that_is_held_elsewhere_is_taken_when_it_is_released(
    database: Database, clock: ManualClock
) -> None:
    first, second = HeldLeases(store(database, "a", clock), clock), HeldLeases(store(database, "b", clock), clock)
    first.start()
    second.start()
    await first.want({PARTITION})
    assert await first.wait_for(KEY) == 1
    await second.want({PARTITION})
    waiting = asyncio.create_task(second.wait_for(KEY))

    await first.give_up({PARTITION})

    assert await asyncio.wait_for(waiting, 5) == 2
    assert first.epoch_of(KEY) is None
    await first.stop()
    await second.stop()
    assert await store(database, "c", clock).acquire(KEY) is not None


async def test_waiting_ends_when_the_partition_is_given_up(database: Database, clock: ManualClock) -> None:
    other = await store(database, "other", clock).acquire(KEY)
    assert other is not None
    leases = HeldLeases(store(database, "a", clock), clock)
    leases.start()
    await leases.want({PARTITION})
    waiting = asyncio.create_task(leases.wait_for(KEY))
    await asyncio.sleep(0)

    await leases.give_up({PARTITION})

    assert await asyncio.wait_for(waiting, 5) is None
    await leases.stop()


class _Away:
    """A store that does not answer."""

    async def renew(self, leases: object, settled_before: object) -> object:
        raise TryLater("mongodb_unreachable", "away on purpose")

    acquire = release = renew
