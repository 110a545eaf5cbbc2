"""Accounts with a pair of topics are read, closed ones are not, and nobody goes on for long without knowing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pytest

from services.ingest.accounts.account import Account
from services.ingest.clients.choosing import Clients
from shared.clock import ManualClock
from shared.contracts.words import AccountState
from shared.errors import TryLater
from shared.ids import AccountId


class World:
    """A database and a broker, both in a dictionary."""

    def __init__(self) -> None:
        self.known: dict[str, Account] = {}
        self.topics: dict[str, int] = {}
        self.away = False

    def add(self, name: str, state: AccountState = AccountState.ACTIVE, requests: int = 1, events: int = 1) -> None:
        self.known[name] = Account(account_id=AccountId(name), name=name, state=state)
        self.topics |= {f"clients.{name}.requests": requests, f"clients.{name}.events": events}

    async def accounts(self, limit: int, after: str | None) -> Sequence[Account]:
        if self.away:
            raise TryLater("accounts_unavailable", "away")
        return [self.known[name] for name in sorted(self.known) if after is None or name > after][:limit]

    async def partitions(self, topics: Sequence[str]) -> Mapping[str, int]:
        return {name: self.topics[name] for name in topics if self.topics.get(name)}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 3, 1, tzinfo=UTC))


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def clients(world: World, clock: ManualClock) -> Clients:
    return Clients(world, world.partitions, clock)


async def test_an_account_is_read_when_both_its_topics_are_there(world: World, clients: Clients) -> None:
    world.add("whole", requests=3)
    world.add("deaf", requests=0)
    world.add("mute", events=0)
    assert await clients.choose() == {"clients.whole.requests": 3}


async def test_a_closed_account_is_not_read_and_a_suspended_one_is(world: World, clients: Clients) -> None:
    world.add("closed", AccountState.CLOSED)
    world.add("suspended", AccountState.SUSPENDED)
    assert await clients.choose() == {"clients.suspended.requests": 1}


async def test_a_change_is_known_with_the_next_choice(world: World, clients: Clients) -> None:
    world.add("acme")
    await clients.choose()
    world.add("acme", AccountState.CLOSED)
    await clients.choose()
    assert clients.of("clients.acme.requests") is None


async def test_accounts_are_known_for_ten_seconds_without_their_store(
    world: World, clients: Clients, clock: ManualClock
) -> None:
    world.add("acme")
    await clients.choose()
    world.away = True
    with pytest.raises(TryLater):
        await clients.choose()
    clock.advance(9.9)
    assert clients.of("clients.acme.requests") is not None
    clock.advance(0.2)
    with pytest.raises(TryLater, match="accounts_unavailable"):
        clients.of("clients.acme.requests")


async def test_more_accounts_than_fit_a_page_are_all_found(world: World, clients: Clients) -> None:
    for number in range(2005):
        world.add(f"a{number:05d}")
    assert len(await clients.choose()) == 2005


async def test_without_accounts_the_broker_is_not_asked(clients: Clients) -> None:
    assert await clients.choose() == {}
