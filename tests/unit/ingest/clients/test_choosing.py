"""Accounts with a pair of topics are read, closed ones are not, each by one process, and nobody goes on for long
without knowing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

import pytest

from services.ingest.accounts.account import Account
from services.ingest.clients.choosing import Clients
from services.ingest.clients.sharing import share_of
from shared.clock import ManualClock
from shared.contracts.words import AccountState
from shared.errors import TryLater
from shared.ids import AccountId
from shared.kafka.record import TopicPartition


class World:
    """What was told of accounts, and a broker, both in a dictionary; all shares are ours but these."""

    def __init__(self) -> None:
        self.known: dict[AccountId, Account] = {}
        self.topics: dict[str, int] = {}
        self.current = True
        self.away = False
        self.others: set[int] = set()
        self.kept: Collection[int] = ()

    def add(self, name: str, state: AccountState = AccountState.ACTIVE, requests: int = 1, events: int = 1) -> None:
        self.known[AccountId(name)] = Account(account_id=AccountId(name), name=name, state=state)
        self.topics |= {f"clients.{name}.requests": requests, f"clients.{name}.events": events}

    def of(self, account_id: AccountId) -> Account | None:
        return next((one for one in self.all() if one.account_id == account_id), None)

    def all(self) -> Sequence[Account]:
        return [one for one in self.known.values() if one.state is not AccountState.CLOSED]

    async def up_to_date(self) -> bool:
        return self.current

    def epoch_of(self, share: int) -> int | None:
        return None if share in self.others else 100 + share

    def holds(self, share: int, epoch: int) -> bool:
        return self.epoch_of(share) == epoch

    async def let_go(self, kept: Collection[int]) -> None:
        self.kept = kept

    async def partitions(self, topics: Sequence[str]) -> Mapping[str, int]:
        assert topics
        if self.away:
            raise TryLater("kafka_unavailable", "away")
        return {name: self.topics[name] for name in topics if self.topics.get(name)}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 3, 1, tzinfo=UTC))


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def clients(world: World, clock: ManualClock) -> Clients:
    return Clients(world, world.up_to_date, world, world.partitions, clock)


async def test_an_account_is_read_when_both_its_topics_are_there(world: World, clients: Clients) -> None:
    world.add("whole", requests=3)
    world.add("deaf", requests=0)
    world.add("mute", events=0)
    assert {*await clients.choose()} == {TopicPartition("clients.whole.requests", number) for number in range(3)}


async def test_a_closed_account_is_not_read_and_a_suspended_one_is(world: World, clients: Clients) -> None:
    world.add("closed", AccountState.CLOSED)
    world.add("suspended", AccountState.SUSPENDED)
    assert {*await clients.choose()} == {TopicPartition("clients.suspended.requests", 0)}


async def test_partitions_of_others_shares_are_not_read_and_the_term_is_the_epoch_of_the_share(
    world: World, clients: Clients
) -> None:
    world.add("wide", requests=40)
    places = [TopicPartition("clients.wide.requests", number) for number in range(40)]
    world.others = {share_of(place) for place in places[:5]}
    ours = [place for place in places if share_of(place) not in world.others]
    assert await clients.choose() == {place: 100 + share_of(place) for place in ours}
    assert ours
    assert clients.holds(ours[0], 100 + share_of(ours[0]))
    assert not clients.holds(ours[0], 99)
    assert not clients.holds(places[0], 100 + share_of(places[0]))


async def test_shares_of_which_nothing_was_chosen_may_go(world: World, clients: Clients) -> None:
    world.add("wide", requests=3)
    chosen = await clients.choose()
    await clients.applied(chosen)
    assert {*world.kept} == {share_of(place) for place in chosen}


async def test_a_change_of_an_account_is_known_at_once(world: World, clients: Clients) -> None:
    world.add("acme")
    await clients.choose()
    world.add("acme", AccountState.SUSPENDED)
    client = clients.of("clients.acme.requests")
    assert client is not None
    assert client.account.state is AccountState.SUSPENDED
    world.add("acme", AccountState.CLOSED)
    assert clients.of("clients.acme.requests") is None


@pytest.mark.parametrize("trouble", ["current", "away"])
async def test_accounts_are_known_for_ten_seconds_without_anybody_who_can_say_that_this_is_all(
    world: World, clients: Clients, clock: ManualClock, trouble: str
) -> None:
    world.add("acme")
    await clients.choose()
    if trouble == "away":

        async def away() -> bool:
            raise TryLater("kafka_unavailable", "away")

        clients._up_to_date = away
        with pytest.raises(TryLater):
            await clients.choose()
    else:
        world.current = False
        await clients.choose()
    clock.advance(9.9)
    assert clients.of("clients.acme.requests") is not None
    clock.advance(0.2)
    with pytest.raises(TryLater, match="accounts_unavailable"):
        clients.of("clients.acme.requests")


async def test_without_a_broker_the_last_choice_stays(world: World, clients: Clients) -> None:
    world.add("acme")
    await clients.choose()
    world.away = True
    with pytest.raises(TryLater):
        await clients.choose()
    assert clients.of("clients.acme.requests") is not None


async def test_without_accounts_the_broker_is_not_asked(clients: Clients) -> None:
    assert await clients.choose() == {}
