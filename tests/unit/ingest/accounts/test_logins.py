"""Passwords, addresses, keys that end, and what happens to somebody who guesses."""

from __future__ import annotations

import asyncio
import secrets
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from services.ingest.accounts.account import Access, Account, Grant, Key
from services.ingest.accounts.addresses import make_range
from services.ingest.accounts.failures import Failures
from services.ingest.accounts.keys import ALL_SCOPES, KeyId, KeyKind, make, parse
from services.ingest.accounts.passwords import LONGEST, PasswordCheck, hash_password, is_right, new_password
from services.ingest.accounts.view import ADDRESS, PASSWORD, AccountView
from shared.clock import ManualClock
from shared.contracts.words import AccountState
from shared.errors import TryLater
from shared.ids import AccountId

START = datetime(2026, 11, 23, tzinfo=UTC)
HERE, THERE = "192.0.2.7", "203.0.113.1"
RANGES = (make_range("192.0.2.0", "192.0.2.9"),)
PASS = new_password(secrets.token_bytes)
HASH = hash_password(PASS, secrets.token_bytes)
KEY = make(secrets.token_bytes)


class Doors:
    """A view of one account with one key."""

    def __init__(self, access: Access | None = None, chances: int = 30, **key: object) -> None:
        self.clock = ManualClock(START)
        self.account = Account(AccountId("acme"), "Acme", access=access or Access())
        self.key = Key(KEY.key_id, self.account.account_id, KEY.digest, ALL_SCOPES, START, **key)  # type: ignore[arg-type]
        self.asked = 0
        self.view = AccountView(
            self._find,
            self.clock,
            find_account=self._account,
            failures=Failures(self.clock, chances=chances, refill=0.5),
        )

    async def _find(self, key_id: KeyId) -> Grant | None:
        self.asked += 1
        return Grant(self.key, self.account) if key_id == KEY.key_id else None

    async def _account(self, account_id: AccountId) -> Account | None:
        self.asked += 1
        return self.account if account_id == "acme" else None


@pytest.mark.parametrize(
    ("access", "by_key", "by_password", "by_address"),
    [
        (Access(), (True, True), (False, False), (False, False)),
        (Access(password=HASH), (True, True), (True, True), (False, False)),
        (Access(RANGES, password=HASH), (True, False), (True, False), (False, False)),
        (Access(RANGES, address_suffices=True, password=HASH), (True, True), (True, True), (True, False)),
        (Access(RANGES, address_suffices=True), (True, True), (False, False), (True, False)),
    ],
    ids=["keys alone", "password", "addresses beside it", "addresses instead of it", "addresses, no password"],
)
async def test_who_gets_in_from_where(
    access: Access, by_key: tuple[bool, bool], by_password: tuple[bool, bool], by_address: tuple[bool, bool]
) -> None:
    view = Doors(access).view
    places = (HERE, THERE)
    assert tuple([await view.grant(KEY.text, place) is not None for place in places]) == by_key
    assert tuple([await view.login("acme", PASS, place) is not None for place in places]) == by_password
    assert tuple([await view.login("acme", "", place) is not None for place in places]) == by_address


async def test_a_grant_says_how_somebody_got_in() -> None:
    view = Doors(Access(RANGES, address_suffices=True, password=HASH)).view
    grants = [await view.login("acme", password, HERE) for password in (PASS, "")]
    assert [grant.key.key_id for grant in grants if grant is not None] == [PASSWORD, ADDRESS]
    assert {grant.key.scopes for grant in grants if grant is not None} == {ALL_SCOPES}


@pytest.mark.parametrize("user", ["", "other", "ACME", "a" * 65])
async def test_nobody_else_gets_in_by_the_password(user: str) -> None:
    assert await Doors(Access(password=HASH)).view.login(user, PASS, HERE) is None


async def test_a_password_that_was_right_costs_nothing_until_it_is_another() -> None:
    check = PasswordCheck()
    assert not check.known(PASS, HASH)
    assert await check(PASS, HASH)
    assert check.known(PASS, HASH)
    assert not check.known(PASS, hash_password(PASS, secrets.token_bytes))
    assert not await check(PASS[:-1], HASH)
    assert not check.known(PASS[:-1], HASH)
    assert not await check("x" * (LONGEST + 1), HASH)
    assert not await check("", None)


async def test_passwords_do_not_pile_up() -> None:
    check = PasswordCheck(at_once=1, most_waiting=1)
    first = asyncio.create_task(check("a", HASH))
    await asyncio.sleep(0)
    with pytest.raises(TryLater):
        await check("b", HASH)
    assert not await first


def test_a_hash_holds_no_password_and_differs_each_time() -> None:
    assert PASS not in HASH
    assert is_right(PASS, HASH)
    assert hash_password(PASS, secrets.token_bytes) != HASH
    assert len({new_password(secrets.token_bytes) for _ in range(100)}) == 100


async def test_a_key_ends_at_its_time() -> None:
    doors = Doors(expires_at=START + timedelta(seconds=1))
    assert await doors.view.grant(KEY.text, HERE) is not None
    doors.clock.advance(1)
    assert await doors.view.grant(KEY.text, HERE) is None


async def test_a_closed_account_gets_in_by_nothing() -> None:
    doors = Doors(Access(RANGES, address_suffices=True, password=HASH))
    doors.account = msgspec.structs.replace(doors.account, state=AccountState.CLOSED)
    assert await doors.view.grant(KEY.text, HERE) is None


async def test_somebody_who_guesses_runs_out_of_chances_and_the_store_is_not_asked_any_more() -> None:
    doors = Doors(chances=3)
    for _ in range(10):
        assert await doors.view.grant(make(secrets.token_bytes).text, THERE) is None
    assert doors.asked == 3
    assert await doors.view.grant(KEY.text, THERE) is None
    assert await doors.view.grant(KEY.text, HERE) is not None
    doors.clock.advance(60)
    assert await doors.view.grant(KEY.text, THERE) is not None


async def test_a_guesser_does_not_shut_out_who_was_here_before_from_the_same_address() -> None:
    doors = Doors(Access(password=HASH), chances=3)
    assert await doors.view.grant(KEY.text, HERE) is not None
    assert await doors.view.login("acme", PASS, HERE) is not None
    for _ in range(10):
        await doors.view.login("acme", "guess", HERE)
    doors.clock.advance(1.9)
    assert await doors.view.grant(KEY.text, HERE) is not None
    assert await doors.view.login("acme", PASS, HERE) is not None
    assert await doors.view.login("acme", "guess", HERE) is None


def test_failures_remember_a_bounded_number_of_addresses() -> None:
    failures = Failures(ManualClock(START), chances=1, size=10)
    for number in range(1000):
        failures.add(f"192.0.{number // 256}.{number % 256}")
    assert len(failures._left) == 10
    failures.add(None)
    assert not failures.too_many(None)


@pytest.mark.parametrize("kind", KeyKind)
def test_a_key_says_what_it_is_for(kind: KeyKind) -> None:
    key = make(secrets.token_bytes, kind)
    presented = parse(key.text)
    assert presented is not None
    assert (presented.kind, presented.key_id, presented.digest) == (kind, key.key_id, key.digest)
