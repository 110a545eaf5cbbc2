"""The buckets in Valkey follow the same rule as those in Python, and leave nothing behind."""

from __future__ import annotations

import asyncio
import time
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from deploy.local.valkey import Valkey
from services.ingest.accounts.account import Account
from services.ingest.limits.bucket import Amount, Level, Rates, take
from services.ingest.limits.limiter import Limiter
from services.ingest.limits.metrics import LimitMetrics
from services.ingest.limits.shared import SharedBuckets
from shared.clock import SystemClock
from shared.errors import TryLater
from shared.ids import AccountId
from shared.stores.valkey import ValkeyStore
from tests.support import wait_until

CLOCK = SystemClock()
SLOW = Rates(Amount(1e-6, 1e-6), Amount(100, 300))
"""So slow that nothing flows back while a test runs: then both must agree to the last digit."""
AMOUNTS = st.builds(Amount, st.floats(0, 200, width=16), st.floats(0, 400, width=16))


def account() -> AccountId:
    return AccountId(f"a{uuid4().hex[:12]}")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asks=st.lists(st.tuples(AMOUNTS, AMOUNTS), max_size=12))
async def test_valkey_decides_as_the_rule_does(store: ValkeyStore, asks: list[tuple[Amount, Amount]]) -> None:
    buckets, name = SharedBuckets(store), account()
    level = Level(SLOW.burst, 0.0)
    for need, want in asks:
        expected = take(level, SLOW, 0.0, need, want)
        taken = await buckets.take(name, SLOW, need, want, 0.0)
        assert (taken.granted is None) == (expected.granted is None)
        if taken.granted is not None and expected.granted is not None:
            assert taken.granted == pytest.approx(expected.granted, abs=1e-3)
        assert taken.level.amount == pytest.approx(expected.level.amount, abs=1e-3)
        level = expected.level


async def test_what_was_taken_flows_back_at_the_rate(store: ValkeyStore) -> None:
    rates = Rates(Amount(1_000, 1_000), Amount(100, 100))
    buckets, name = SharedBuckets(store), account()
    began = time.monotonic()
    granted = 0.0
    while time.monotonic() < began + 0.5:
        taken = await buckets.take(name, rates, Amount(1, 1), Amount(1, 1), CLOCK.monotonic())
        if taken.granted is None:
            assert taken.wait <= 0.001
        else:
            granted += taken.granted.messages
    ended = time.monotonic()
    assert granted <= 100 + 1_000 * (ended - began) + 1


async def test_every_key_has_a_time_to_live_and_names_an_account_alone(store: ValkeyStore) -> None:
    rates, name = Rates(Amount(10, 10), Amount(100, 100)), account()
    await SharedBuckets(store).take(name, rates, Amount(50, 50), Amount(50, 50), 0.0)
    keys = [key async for key in store.client.scan_iter(match=f"*{name}*")]
    assert keys == [f"ingest:limits:{{{name}}}".encode()]
    assert 5_000 < await store.client.pttl(keys[0]) <= 6_000


async def test_doors_at_once_never_take_more_than_there_is(store: ValkeyStore) -> None:
    name = account()
    buckets = [SharedBuckets(store) for _ in range(4)]
    asks = [buckets[number % 4].take(name, SLOW, Amount(3, 1), Amount(3, 1), 0.0) for number in range(60)]
    granted = [taken for taken in await asyncio.gather(*asks) if taken.granted is not None]
    assert len(granted) == 33


async def test_four_doors_share_a_limit_within_a_tenth(store: ValkeyStore) -> None:
    rates = Rates(Amount(400, 4_000), Amount(40, 4_000))
    one = Account(account(), "One")
    doors = [
        Limiter(SharedBuckets(store), CLOCK, LimitMetrics(CollectorRegistry()), default=rates, processes=4)
        for _ in range(4)
    ]
    began = time.monotonic()

    async def knock(door: Limiter) -> int:
        let_in = 0
        while time.monotonic() < began + 2.0:
            let_in += (await door.take(one, 1, 1)).retry_after is None
            await asyncio.sleep(0)
        return let_in

    let_in = sum(await asyncio.gather(*(knock(door) for door in doors)))
    allowed = 40 + 400 * (time.monotonic() - began)
    assert allowed * 0.9 <= let_in <= allowed + 1


async def test_valkey_killed_and_back_is_noticed_by_nobody(mortal: Valkey) -> None:
    store = ValkeyStore(mortal.url)
    await store.start()
    rates = Rates(Amount(1_000_000, 1_000_000), Amount(1_000_000, 1_000_000))
    registry = CollectorRegistry()
    door = Limiter(SharedBuckets(store), CLOCK, LimitMetrics(registry), default=rates, processes=2)

    async def leases(source: str) -> float:
        assert (await door.take(Account(account(), "Any"), 1, 1)).retry_after is None
        return registry.get_sample_value("ingest_limit_leases_total", {"source": source}) or 0.0

    try:
        assert await leases("shared") == 1
        mortal.kill()
        assert await leases("local") == 1
        mortal.start()
        mortal.wait_ready()
        before = await leases("shared")

        async def shared_again() -> bool:
            return await leases("shared") > before

        await wait_until(shared_again)
    finally:
        await store.stop(1.0)


async def test_valkey_that_hangs_costs_a_quarter_of_a_second_once(mortal: Valkey) -> None:
    store = ValkeyStore(mortal.url)
    await store.start()
    try:
        await store.client.client_pause(5_000)
        with pytest.raises(TryLater) as error:
            await SharedBuckets(store).take(account(), SLOW, Amount(1, 1), Amount(1, 1), 0.0)
        assert error.value.code == "valkey_unavailable"
    finally:
        await store.stop(1.0)


async def test_a_wiped_valkey_forgets_debts_and_goes_on(store: ValkeyStore) -> None:
    buckets, name = SharedBuckets(store), account()
    all_of_it = Amount(100, 300)
    assert (await buckets.take(name, SLOW, all_of_it, all_of_it, 0.0)).granted == all_of_it
    assert (await buckets.take(name, SLOW, Amount(1, 1), all_of_it, 0.0)).granted is None
    await store.client.delete(f"ingest:limits:{{{name}}}")
    await store.client.script_flush()
    assert (await buckets.take(name, SLOW, all_of_it, all_of_it, 0.0)).granted == all_of_it
