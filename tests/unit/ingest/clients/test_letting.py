"""In which order client systems are let in and shut out, and what is left when something fails in between."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import msgspec
import pytest

from services.ingest.accounts.account import Account
from services.ingest.accounts.changes import close
from services.ingest.accounts.staff import CONSOLE
from services.ingest.clients.letting import ClientSystems
from shared.clock import ManualClock
from shared.errors import Fatal, Refused, TryLater
from shared.ids import AccountId
from shared.kafka.memory import MemoryCluster

START = datetime(2026, 11, 23, 8, tzinfo=UTC)
ACME = Account(AccountId("acme"), "Acme")


class Broker:
    """Users in memory. `failing` names calls that fail, and with what; `done` is what was done here and on record."""

    def __init__(self) -> None:
        self.passwords: dict[str, str] = {}
        self.allowed: set[str] = set()
        self.failing: dict[str, Exception] = {}
        self.done: list[str] = []
        self.open = 0

    def connect(self, bootstrap: str) -> Broker:
        self._do("connect")
        self.open += 1
        return self

    def close(self) -> None:
        self.open -= 1

    def brokers(self) -> int:
        return 1

    def has_password(self, user: str) -> bool:
        return user in self.passwords

    def set_password(self, user: str, password: str) -> None:
        self._do("set password")
        self.passwords[user] = password

    def remove_password(self, user: str) -> None:
        self._do("remove password")
        self.passwords.pop(user, None)

    def allow(self, account_id: AccountId) -> None:
        self._do("allow")
        self.allowed.add(account_id)

    def forbid(self, account_id: AccountId) -> None:
        self._do("forbid")
        self.allowed.discard(account_id)

    def _do(self, name: str) -> None:
        if name in self.failing:
            raise self.failing[name]
        self.done.append(name)


class Book:
    """One account on record."""

    def __init__(self, broker: Broker) -> None:
        self.account = ACME
        self._broker = broker

    async def change_account(
        self, actor: Any, account_id: AccountId, action: str, decide: Callable[[Account], Account], reason: Any = None
    ) -> Account:
        self.account = decide(self.account)
        self._broker.done.append(action)
        return self.account


class Place:
    def __init__(self, listener: str = "clients:9095") -> None:
        self.clock = ManualClock(START)
        self.broker = Broker()
        self.book = Book(self.broker)
        self.cluster = MemoryCluster()
        self.clients = ClientSystems(
            self.book,
            "ours:9092",
            listener,
            self.clock,
            Random(7).randbytes,
            connect=self.broker.connect,
            cluster=self.cluster,
        )

    async def let_in(self, *, anew: bool = False) -> str | None:
        return (await self.clients.let_in(CONSOLE, self.book.account, anew=anew))[1]

    async def shut_out(self) -> None:
        await self.clients.shut_out(CONSOLE, self.book.account)


@pytest.fixture
def place() -> Place:
    return Place()


async def test_the_record_is_made_before_the_password_and_unmade_after_it_is_gone(place: Place) -> None:
    password = await place.let_in()
    assert place.broker.passwords == {"client-acme": password}
    assert len(password or "") == 43
    assert set(place.cluster.specs) == {"clients.acme.requests", "clients.acme.events"}
    assert place.broker.done == ["connect", "allow", "client.create", "set password"]
    place.broker.done.clear()
    await place.shut_out()
    assert place.broker.done == ["connect", "forbid", "remove password", "client.revoke"]
    assert (place.broker.passwords, place.broker.allowed, place.book.account.access.kafka) == ({}, set(), None)
    assert place.broker.open == 0


async def test_a_repeat_changes_nothing_and_a_rotation_says_so(place: Place) -> None:
    first = await place.let_in()
    before = place.book.account
    assert await place.let_in() is None
    assert place.book.account == before
    place.clock.advance(60)
    second = await place.let_in(anew=True)
    assert second not in (None, first)
    assert place.broker.done[-2:] == ["client.rotate", "set password"]
    login = place.book.account.access.kafka
    assert login is not None
    assert (login.created_at, login.password_at) == (START, START + timedelta(seconds=60))


async def test_what_a_crash_left_half_done_a_repeat_completes(place: Place) -> None:
    place.broker.failing["set password"] = TryLater("kafka_unavailable", "away")
    with pytest.raises(TryLater, match="clients_unavailable"):
        await place.let_in()
    assert place.book.account.access.kafka is not None
    place.broker.failing.clear()
    assert await place.let_in() == place.broker.passwords["client-acme"]


async def test_who_cannot_be_shut_out_stays_on_record(place: Place) -> None:
    await place.let_in()
    for call in ("forbid", "remove password"):
        place.broker.failing = {call: TryLater("kafka_unavailable", "away")}
        with pytest.raises(TryLater, match="clients_unavailable"):
            await place.shut_out()
        assert place.book.account.access.kafka is not None
    place.broker.failing.clear()
    await place.shut_out()
    place.broker.done.clear()
    await place.shut_out()
    assert place.broker.done == []


async def test_of_two_who_let_the_same_account_in_one_sets_the_password(place: Place) -> None:
    seen = place.book.account
    password = await place.let_in()
    place.broker.passwords.clear()
    with pytest.raises(Refused, match="changed_meanwhile"):
        await place.clients.let_in(CONSOLE, seen)
    assert place.broker.passwords == {}
    assert password is not None


@pytest.mark.parametrize("call", ["allow", "set password"])
async def test_a_broker_that_says_no_is_told_of_plainly(place: Place, call: str) -> None:
    place.broker.failing[call] = Fatal("kafka_access_refused", "the broker refused (SecurityDisabledError)")
    with pytest.raises(Refused, match="SecurityDisabledError") as refusal:
        await place.let_in()
    assert refusal.value.code == "clients_not_available"
    assert place.broker.open == 0


async def test_without_a_listener_for_them_nobody_is_let_in() -> None:
    place = Place(listener="")
    with pytest.raises(Refused, match="BUDSTIKKE_KAFKA_CLIENTS"):
        await place.let_in()
    assert place.broker.done == []


async def test_a_closed_account_is_not_let_in(place: Place) -> None:
    await place.let_in()
    place.book.account = close(place.book.account)
    assert place.book.account.access.kafka is None
    with pytest.raises(Refused, match="account_closed"):
        await place.let_in()


def test_an_account_on_record_without_the_member_can_still_be_read() -> None:
    row = msgspec.to_builtins(ACME)
    del row["access"]["kafka"]
    assert msgspec.convert(row, Account) == ACME
