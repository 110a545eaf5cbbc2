"""The view reads rarely, forgets soon, and cannot be filled or flooded by strangers."""

from __future__ import annotations

import asyncio
import secrets
from datetime import UTC, datetime

import pytest

from services.ingest.accounts.account import Account, Grant, Key
from services.ingest.accounts.keys import ALL_SCOPES, KeyId, make
from services.ingest.accounts.view import AccountView
from shared.clock import ManualClock
from shared.errors import TryLater
from shared.ids import AccountId
from tests.support import wait_until

START = datetime(2026, 11, 23, tzinfo=UTC)
KEY = make(secrets.token_bytes)
GRANT = Grant(Key(KEY.key_id, AccountId("acme"), KEY.digest, ALL_SCOPES, START), Account(AccountId("acme"), "Acme"))


class Store:
    """Counts what it is asked; answers when it is open."""

    def __init__(self) -> None:
        self.grants: dict[KeyId, Grant] = {KEY.key_id: GRANT}
        self.asked: list[KeyId] = []
        self.open = asyncio.Event()
        self.open.set()

    async def find(self, key_id: KeyId) -> Grant | None:
        self.asked.append(key_id)
        found = self.grants.get(key_id)
        await self.open.wait()
        return found


def seen(store: Store, **options: float) -> tuple[AccountView, ManualClock]:
    clock = ManualClock(START)
    return AccountView(store.find, clock, **options), clock  # type: ignore[arg-type]


async def test_a_good_key_is_read_rarely_and_a_key_in_use_never_waits() -> None:
    store = Store()
    view, clock = seen(store)
    for _ in range(5):
        assert await view.grant(KEY.text) is GRANT
    assert len(store.asked) == 1
    clock.advance(0.5)
    store.open.clear()
    for _ in range(5):
        assert await view.grant(KEY.text) is GRANT
    await wait_until(lambda: len(store.asked) == 2)


async def test_an_answer_refreshed_meanwhile_is_good_again() -> None:
    store = Store()
    view, clock = seen(store)
    for _ in range(10):
        assert await view.grant(KEY.text) is GRANT
        clock.advance(0.6)
        await asyncio.sleep(0)
    assert len(store.asked) > 5


async def test_a_revoked_key_is_refused_within_two_seconds_even_if_nobody_used_it() -> None:
    store = Store()
    view, clock = seen(store)
    await view.grant(KEY.text)
    store.grants.clear()
    clock.advance(1.8)
    assert await view.grant(KEY.text) is None


async def test_a_revoked_key_in_use_is_refused_once_the_store_has_said_so() -> None:
    store = Store()
    view, clock = seen(store)
    await view.grant(KEY.text)
    store.grants.clear()
    clock.advance(0.5)
    assert await view.grant(KEY.text) is GRANT

    async def refused() -> bool:
        return await view.grant(KEY.text) is None

    await wait_until(refused)


async def test_a_store_that_went_away_ends_what_is_known_in_time() -> None:
    store = Store()
    view, clock = seen(store, patience=0.01)
    await view.grant(KEY.text)
    store.open.clear()
    clock.advance(1.7)
    assert await view.grant(KEY.text) is GRANT
    clock.advance(0.1)
    with pytest.raises(TryLater):
        await view.grant(KEY.text)


async def test_an_unknown_key_is_read_rarely_and_may_come_to_be() -> None:
    store = Store()
    store.grants.clear()
    view, clock = seen(store)
    assert [await view.grant(KEY.text) for _ in range(3)] == [None, None, None]
    assert len(store.asked) == 1
    store.grants[KEY.key_id] = GRANT
    clock.advance(1.8)
    assert await view.grant(KEY.text) is GRANT


async def test_a_wrong_secret_is_refused_and_costs_no_second_read() -> None:
    store = Store()
    view, _ = seen(store)
    await view.grant(KEY.text)
    wrong = KEY.text[:-3] + ("AAA" if not KEY.text.endswith("AAA") else "BBB")
    assert await view.grant(wrong) is None
    assert await view.grant(KEY.text) is GRANT
    assert len(store.asked) == 1


async def test_what_is_no_key_is_not_looked_up() -> None:
    store = Store()
    view, _ = seen(store)
    assert await view.grant("bsk_1_2") is None
    assert store.asked == []


async def test_many_who_wait_for_one_key_cost_one_read() -> None:
    store = Store()
    store.open.clear()
    view, _ = seen(store)
    waiting = [asyncio.create_task(view.grant(KEY.text)) for _ in range(50)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    store.open.set()
    assert set(await asyncio.gather(*waiting[1:])) == {GRANT}
    assert len(store.asked) == 1


async def test_a_store_that_does_not_answer_is_no_refusal() -> None:
    store = Store()
    store.open.clear()
    view, _ = seen(store, patience=0.01)
    with pytest.raises(TryLater, match="accounts_unavailable"):
        await view.grant(KEY.text)
    store.open.set()
    assert await view.grant(KEY.text) is GRANT


async def test_guessing_does_not_starve_those_who_are_known() -> None:
    store = Store()
    view, clock = seen(store)
    await view.grant(KEY.text)
    clock.advance(1.8)
    store.open.clear()
    strangers = [asyncio.create_task(view.grant(make(secrets.token_bytes).text)) for _ in range(40)]
    known = asyncio.create_task(view.grant(KEY.text))
    await asyncio.sleep(0)
    store.open.set()
    assert await known is GRANT
    answers = await asyncio.gather(*strangers, return_exceptions=True)
    assert answers.count(None) == 16
    assert sum(isinstance(answer, TryLater) for answer in answers) == 24


async def test_memory_is_bounded() -> None:
    store = Store()
    view, _ = seen(store, size=3)
    await view.grant(KEY.text)
    for _ in range(10):
        assert await view.grant(make(secrets.token_bytes).text) is None
    assert await view.grant(KEY.text) is GRANT
    assert len(store.asked) == 11
