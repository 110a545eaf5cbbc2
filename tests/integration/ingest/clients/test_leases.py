"""Shares on the real database: one holder at a time, who knows when it is none any more; fair parts; takeovers."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry

from services.ingest.clients.holding import HeldShares
from services.ingest.clients.leases import LIFETIME, ShareLeases
from services.ingest.clients.metrics import ClientMetrics
from services.ingest.clients.sharing import SHARES
from shared.clock import ManualClock
from shared.errors import TryLater
from shared.stores.mongodb import MongoStore

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


class Reader:
    """A process that looks when it is told to; its time is pushed."""

    def __init__(self, store: MongoStore, name: str) -> None:
        self.name = name
        self.clock = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
        self.leases = ShareLeases(store.database, name)
        self.shares = HeldShares(self.leases, self.clock, ClientMetrics(CollectorRegistry()))
        self.look = self.shares.look

    @property
    def sure(self) -> set[int]:
        """The shares that it reads and surely holds."""
        epochs = {share: self.shares.epoch_of(share) for share in range(SHARES)}
        return {share for share, epoch in epochs.items() if epoch is not None and self.shares.holds(share, epoch)}


@pytest.fixture
async def store(mongodb: str) -> AsyncIterator[MongoStore]:
    """A database of the test's own."""
    store = MongoStore(mongodb, f"shares-{secrets.token_hex(4)}")
    await store.start()
    yield store
    await store.database.client.drop_database(store.database.name)
    await store.stop(1.0)


@pytest.fixture
async def reader(store: MongoStore) -> Callable[[str], Reader]:
    await ShareLeases(store.database, "nobody").prepare()
    return lambda name: Reader(store, name)


async def time_is_over(store: MongoStore, reader: Reader) -> None:
    """As when the database has not heard of it for long."""
    over = {"$set": {"expires_at": LONG_AGO}}
    await store.database.client_shares.update_many({"owner": reader.name}, over)
    await store.database.client_readers.update_one({"_id": reader.name}, over)


async def test_who_comes_first_has_all_and_gives_a_fair_part_to_who_comes_next(
    reader: Callable[[str], Reader],
) -> None:
    one, other = reader("one"), reader("other")
    await one.look()
    assert len(one.sure) == SHARES
    await other.look()
    assert other.sure == set()
    await one.look()
    assert len(one.sure) == SHARES // 2
    await other.look()
    assert other.sure == set()  # what is to be given is still in the first one's hands
    await one.shares.let_go(one.sure)
    await other.look()
    assert len(other.sure) == SHARES // 2
    assert one.sure | other.sure == set(range(SHARES))


async def test_of_what_is_about_to_go_only_that_of_which_nothing_is_in_hand_is_given(
    reader: Callable[[str], Reader],
) -> None:
    one, other = reader("one"), reader("other")
    await one.look()
    await other.look()
    await one.look()
    leaving = set(range(SHARES)) - one.sure
    in_hand = min(leaving)
    await one.shares.let_go(one.sure | {in_hand})
    await other.look()
    assert other.sure == leaving - {in_hand}
    await one.shares.let_go(one.sure)
    await other.look()
    assert other.sure == leaving


async def test_whoever_dies_is_succeeded_when_its_time_is_over_under_new_epochs(
    store: MongoStore, reader: Callable[[str], Reader]
) -> None:
    dead, heir = reader("dead"), reader("heir")
    await dead.look()
    before = dead.shares.epoch_of(7)
    await heir.look()
    assert heir.sure == set()
    await time_is_over(store, dead)
    await heir.look()
    assert len(heir.sure) == SHARES
    after = heir.shares.epoch_of(7)
    assert before is not None
    assert after is not None
    assert after > before


async def test_a_holder_that_slept_stops_believing_before_anybody_else_can_have_its_shares(
    reader: Callable[[str], Reader],
) -> None:
    sleeper = reader("sleeper")
    await sleeper.look()
    sleeper.clock.advance(LIFETIME - 1.1)
    assert len(sleeper.sure) == SHARES
    sleeper.clock.advance(0.1)
    assert sleeper.sure == set()
    assert sleeper.shares.epoch_of(7) is not None  # nobody has said that it is lost
    await sleeper.look()
    assert len(sleeper.sure) == SHARES


async def test_a_sleeper_that_was_succeeded_finds_that_out_and_takes_nothing_back(
    store: MongoStore, reader: Callable[[str], Reader]
) -> None:
    sleeper, heir = reader("sleeper"), reader("heir")
    await sleeper.look()
    epoch = sleeper.shares.epoch_of(7)
    assert epoch is not None
    await time_is_over(store, sleeper)
    await heir.look()
    await sleeper.look()
    assert sleeper.sure == set()
    assert not sleeper.shares.holds(7, epoch)
    assert len(heir.sure) == SHARES


async def test_a_renewal_or_a_release_that_comes_late_changes_nothing(
    store: MongoStore, reader: Callable[[str], Reader]
) -> None:
    late, heir = reader("late"), reader("heir")
    await late.look()
    epochs = {share: late.shares.epoch_of(share) or 0 for share in range(SHARES)}
    await time_is_over(store, late)
    await heir.look()
    await late.leases.renew()
    await late.leases.release(epochs)
    await heir.look()
    assert len(heir.sure) == SHARES // 2  # the late one counts as a reader again, and has nothing
    await heir.shares.let_go(heir.sure)
    await late.look()
    assert late.sure == set(range(SHARES)) - heir.sure
    await late.leases.release(dict.fromkeys(late.sure, 1))  # of an epoch that is over
    await late.look()
    assert len(late.sure) == SHARES // 2


async def test_whoever_stops_in_order_leaves_everything_at_once(reader: Callable[[str], Reader]) -> None:
    one, other = reader("one"), reader("other")
    await one.shares.start()
    assert one.shares.health().ready
    await one.shares.stop(5.0)
    assert one.sure == set()
    await other.look()
    assert len(other.sure) == SHARES


async def test_rows_are_made_once(store: MongoStore, reader: Callable[[str], Reader]) -> None:
    one = reader("one")
    await one.look()
    await one.leases.prepare()
    await one.look()
    assert len(one.sure) == SHARES
    assert await store.database.client_shares.count_documents({}) == SHARES


async def test_without_a_database_nobody_is_sure_for_longer_than_the_lifetime(
    mongodb: str, store: MongoStore, reader: Callable[[str], Reader]
) -> None:
    connection = MongoStore(mongodb, store.database.name)
    await connection.start()
    one = Reader(connection, "one")
    await one.look()
    await connection.stop(1.0)
    with pytest.raises(TryLater, match="client_shares_unavailable"):
        await one.look()
    assert len(one.sure) == SHARES
    one.clock.advance(LIFETIME)
    assert one.sure == set()
