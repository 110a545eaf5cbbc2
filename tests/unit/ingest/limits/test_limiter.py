"""Doors share an account's limits by leases, refuse without asking when that is certain, and go on without Valkey."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from services.ingest.accounts.account import Account, Limits
from services.ingest.limits.bucket import Amount, Rates, Resource
from services.ingest.limits.limiter import AWAY_SECONDS, LEASE_LIFE, Limiter
from services.ingest.limits.metrics import LimitMetrics
from shared.clock import ManualClock
from shared.ids import AccountId
from tests.unit.ingest.limits.buckets import MemoryBuckets

RATES = Rates(Amount(100, 300), Amount(200, 600))
ACME = Account(AccountId("acme"), "Acme")


class Doors:
    """Some doors on the same buckets and the same clock."""

    def __init__(self, count: int = 1) -> None:
        self.clock = ManualClock(datetime(2026, 11, 23, tzinfo=UTC))
        self.buckets = MemoryBuckets(self.clock)
        self.registries = [CollectorRegistry() for _ in range(count)]
        self.limiters = [
            Limiter(self.buckets, self.clock, LimitMetrics(registry), default=RATES, processes=count)
            for registry in self.registries
        ]

    async def let_in(self, door: int = 0, messages: int = 1, parts: int = 1, account: Account = ACME) -> bool:
        return (await self.limiters[door].take(account, messages, parts)).retry_after is None


async def test_a_lease_serves_many_requests() -> None:
    doors = Doors()
    assert [await doors.let_in() for _ in range(5)] == [True] * 5
    assert doors.buckets.calls == 1


async def test_a_burst_and_then_the_rate() -> None:
    doors = Doors()
    assert sum([await doors.let_in() for _ in range(500)]) == 200
    doors.clock.advance(0.5)
    assert sum([await doors.let_in() for _ in range(500)]) == pytest.approx(50, abs=1)


async def test_who_is_certain_to_be_refused_costs_no_round_trip() -> None:
    doors = Doors()
    for _ in range(500):
        await doors.let_in()
    calls = doors.buckets.calls
    for _ in range(500):
        assert not await doors.let_in()
    assert doors.buckets.calls == calls


async def test_what_was_heard_long_ago_counts_for_nothing() -> None:
    doors = Doors()
    await doors.let_in(messages=2_000)
    assert not await doors.let_in()
    doors.buckets.levels.clear()
    doors.clock.advance(LEASE_LIFE)
    assert await doors.let_in()


async def test_a_request_is_refused_whole() -> None:
    doors = Doors()
    assert await doors.let_in(messages=150)
    assert not await doors.let_in(messages=60)
    assert await doors.let_in(messages=45)


async def test_parts_are_counted_beside_messages() -> None:
    doors = Doors()
    assert await doors.let_in(messages=100, parts=600)
    standing = await doors.limiters[0].take(ACME, 1, 30)
    assert (standing.resource, standing.limit, standing.remaining) == (Resource.PARTS, 600, 0)
    assert standing.retry_after == 1
    assert 'ingest_limited_requests_total{resource="parts"} 1.0' in generate_latest(doors.registries[0]).decode()


async def test_a_request_larger_than_any_bucket_is_let_in_once_the_bucket_is_full() -> None:
    doors = Doors()
    assert await doors.let_in(messages=1_000, parts=1_000)
    standing = await doors.limiters[0].take(ACME, 1_000, 1_000)
    assert standing.retry_after == 10
    doors.clock.advance(9.9)
    assert not await doors.let_in(messages=1_000, parts=1_000)
    doors.clock.advance(0.2)
    assert await doors.let_in(messages=1_000, parts=1_000)


async def test_after_the_time_that_was_named_the_request_is_let_in() -> None:
    doors = Doors()
    await doors.let_in(messages=350)
    standing = await doors.limiters[0].take(ACME, 70, 70)
    assert standing.retry_after == 3
    doors.clock.advance(standing.retry_after)
    assert await doors.let_in(messages=70, parts=70)


async def test_what_is_left_is_told() -> None:
    doors = Doors()
    standing = await doors.limiters[0].take(ACME, 50, 50)
    assert (standing.resource, standing.limit, standing.remaining, standing.reset) == (Resource.MESSAGES, 200, 150, 1)


async def test_accounts_do_not_share() -> None:
    doors = Doors()
    assert await doors.let_in(messages=300)
    assert not await doors.let_in()
    assert await doors.let_in(account=Account(AccountId("other"), "Other"))


async def test_a_changed_limit_holds_at_once() -> None:
    doors = Doors()
    assert await doors.let_in(messages=200)
    assert not await doors.let_in(messages=15)
    doors.clock.advance(0.1)
    faster = Account(AccountId("acme"), "Acme", limits=Limits(messages_per_second=1_000, messages_burst=5_000))
    doors.clock.advance(0.1)
    assert await doors.let_in(messages=15, account=faster)


async def test_four_doors_share_a_limit_within_a_tenth() -> None:
    doors = Doors(4)
    let_in = 0
    for step in range(4_000):
        doors.clock.advance(0.0025)
        for door in range(4):
            let_in += await doors.let_in(door if step % 3 else 0)
    allowed = RATES.burst.messages + 100 * 10
    assert allowed * 0.9 <= let_in <= allowed


async def test_many_at_once_ask_once() -> None:
    doors = Doors()
    assert all(await asyncio.gather(*(doors.let_in() for _ in range(6))))
    assert doors.buckets.calls == 1


async def test_without_valkey_each_door_has_its_share() -> None:
    doors = Doors(4)
    doors.buckets.away = True
    let_in = sum([await doors.let_in(1) for _ in range(500)])
    assert let_in == 50
    for _ in range(100):
        doors.clock.advance(0.1)
        let_in += sum([await doors.let_in(1) for _ in range(10)])
    assert let_in == pytest.approx(50 + 250, rel=0.1)
    assert "ingest_limits_local 1.0" in generate_latest(doors.registries[1]).decode()


async def test_a_debt_outlives_valkey() -> None:
    doors = Doors(1)
    assert await doors.let_in(messages=1_000)
    doors.buckets.away = True
    assert not await doors.let_in()
    doors.clock.advance(8.2)
    assert await doors.let_in()


async def test_valkey_that_is_away_is_left_alone_and_found_again() -> None:
    doors = Doors()
    doors.buckets.away = True
    for _ in range(100):
        assert await doors.let_in(messages=2)
    assert doors.buckets.calls == 1
    doors.buckets.away = False
    doors.clock.advance(AWAY_SECONDS)
    for _ in range(20):
        assert await doors.let_in(messages=2)
    assert doors.buckets.calls > 1
    assert "ingest_limits_local 0.0" in generate_latest(doors.registries[0]).decode()


async def test_memory_of_accounts_is_bounded() -> None:
    doors = Doors()
    limiter = Limiter(
        doors.buckets, doors.clock, LimitMetrics(CollectorRegistry()), default=RATES, processes=1, size=10
    )
    for number in range(100):
        await limiter.take(Account(AccountId(f"a{number}"), "A"), 1, 1)
    assert len(limiter._entries) == 10
