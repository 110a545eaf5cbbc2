"""Counters that decide: idempotent by event id, and put together again when Valkey lost them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import AsyncMock

import msgspec
import pytest

from deploy.local.ports import free_port
from deploy.local.valkey import Valkey
from services.ingest.screening.counters import NO_CAP, NO_COUNT, Counters, Entry, SharedCounters, Standing, digest_of
from services.ingest.screening.epochs import EPOCH_KEY, LOCK_KEY, SnapshotEpochs
from services.ingest.screening.snapshots import Snapshot, SnapshotStore, Used
from shared.contracts.envelope import EventId
from shared.errors import TryLater
from shared.ids import AccountId
from shared.stores.valkey import ValkeyStore
from tests.support import wait_until
from tests.unit.ingest.screening.building import CountersInMemory

ACME, OTHER = AccountId("acme"), AccountId("other")
MONTH = "2026-11"
F, R, D, O, AGAIN = Standing.FRESH, Standing.REPLAYED, Standing.REPEATED, Standing.FULL, Standing.FULL_AGAIN  # noqa: E741


class Topic:
    """What `Replay` finds behind a position."""

    def __init__(self) -> None:
        self.used: Used = {}
        self.asked: list[Mapping[str, int]] = []

    async def since(self, positions: Mapping[str, int]) -> Used:
        self.asked.append(positions)
        return {month: dict(counts) for month, counts in self.used.items()}


@pytest.fixture
def topic() -> Topic:
    return Topic()


@pytest.fixture
def counters(store: ValkeyStore, kept: SnapshotStore, topic: Topic) -> SharedCounters:
    return SharedCounters(store, SnapshotEpochs(store, kept, topic.since), remember=3600)


def entry(name: str, cap: int = 3, *, at: str = "p@1", account: AccountId = ACME, month: str = MONTH) -> Entry:
    return Entry(digest_of(EventId(name)), at, account, month, cap)


async def used(store: ValkeyStore, month: str = MONTH) -> dict[str, int]:
    found = await store.client.hgetall(f"ingest:screening:used:{month}")  # type: ignore[misc]
    return {account.decode(): int(count) for account, count in found.items()}


async def test_a_batch_is_counted_up_to_the_cap_and_the_rest_finds_no_room(
    counters: SharedCounters, store: ValkeyStore
) -> None:
    batch = [entry(f"m{number}") for number in range(5)] + [entry("x", account=OTHER), entry("y", NO_COUNT)]

    assert await counters.count(batch) == [F, F, F, O, O, F, F]
    assert await used(store) == {"acme": 3, "other": 1}


async def test_the_same_records_again_are_decided_as_they_were_and_others_are_repeats(
    counters: SharedCounters, store: ValkeyStore
) -> None:
    batch = [entry("a", 1), entry("b", 1), entry("c", NO_COUNT)]
    await counters.count(batch)

    assert await counters.count(batch) == [R, AGAIN, R]
    assert await counters.count([msgspec.structs.replace(one, place="p@2") for one in batch]) == [D, D, D]
    assert await counters.count([entry("b", NO_CAP)]) == [R]
    assert await counters.count([entry("b", 1)]) == [R]
    assert await used(store) == {"acme": 2}


async def test_both_implementations_say_the_same(counters: SharedCounters) -> None:
    chance = random.Random(7)
    memory: Counters = CountersInMemory()
    for _ in range(30):
        batch = [
            entry(
                f"m{chance.randrange(40)}",
                chance.choice([NO_COUNT, 2, 9, NO_CAP]),
                at=f"p@{chance.randrange(3)}",
                account=chance.choice([ACME, OTHER]),
            )
            for _ in range(20)
        ]
        assert list(await counters.count(batch)) == list(await memory.count(batch))


async def test_an_empty_batch_asks_nothing(counters: SharedCounters) -> None:
    assert list(await counters.count([])) == []


async def test_a_batch_is_one_call_however_many_accounts_and_months_it_holds(
    counters: SharedCounters, store: ValkeyStore
) -> None:
    async def calls() -> int:
        told = await store.client.info("commandstats")
        return sum(stats["calls"] for name, stats in told.items() if name in {"cmdstat_evalsha", "cmdstat_eval"})

    await counters.count([entry("first")])
    before = await calls()
    accounts, months = [AccountId(f"account-{number}") for number in range(50)], ["2026-10", MONTH]
    await counters.count(
        [
            entry(f"m{number}", account=accounts[number % 50], month=months[number % 2], at=f"p@{number}")
            for number in range(500)
        ]
    )
    assert await calls() == before + 1


async def test_every_key_has_an_end(counters: SharedCounters, store: ValkeyStore) -> None:
    await counters.count([entry("a"), entry("b", 0)])

    async for key in store.client.scan_iter():
        assert await store.client.ttl(key) > 0, key


async def test_lost_counters_come_back_from_the_snapshot_and_what_was_accepted_since(
    counters: SharedCounters, store: ValkeyStore, kept: SnapshotStore, topic: Topic
) -> None:
    await counters.count([entry("a")])
    await kept.keep(Snapshot(datetime(2026, 11, 2, tzinfo=UTC), {MONTH: {ACME: 2}, "2026-10": {OTHER: 9}}, {"t[0]": 7}))
    topic.used = {MONTH: {ACME: 1, OTHER: 4}}
    await store.client.flushall()

    assert await counters.count([entry("b", 4), entry("c", 4)]) == [F, O]

    assert topic.asked[-1] == {"t[0]": 7}
    assert await used(store) == {"acme": 4, "other": 4}
    assert await used(store, "2026-10") == {"other": 9}


async def test_only_one_restores_and_the_others_go_on_with_the_same_epoch(
    store: ValkeyStore, kept: SnapshotStore, topic: Topic
) -> None:
    one, other = (SnapshotEpochs(store, kept, topic.since) for _ in range(2))
    await store.client.set("ingest:screening:restoring", "1", ex=5)
    with pytest.raises(TryLater, match="counters_restoring"):
        await other.current()
    await store.client.delete("ingest:screening:restoring")

    epoch = await one.current()

    assert await other.current() == epoch
    assert await other.restore("another") == epoch
    assert len(topic.asked) == 1


async def test_a_restoration_that_takes_long_is_not_doubled(
    store: ValkeyStore, kept: SnapshotStore, topic: Topic
) -> None:
    begun, enough = asyncio.Event(), asyncio.Event()

    async def slowly(positions: Mapping[str, int]) -> Used:
        begun.set()
        await enough.wait()
        return await topic.since(positions)

    restoring = asyncio.create_task(SnapshotEpochs(store, kept, slowly, lock_seconds=0.9).current())
    await begun.wait()
    left = [await store.client.pttl(LOCK_KEY)]

    async def renewed() -> bool:
        left.append(await store.client.pttl(LOCK_KEY))
        return bool(left[-1] > min(left) + 100)

    await wait_until(renewed)
    with pytest.raises(TryLater, match="counters_restoring"):
        await SnapshotEpochs(store, kept, topic.since).current()
    enough.set()
    epoch = await restoring
    assert await SnapshotEpochs(store, kept, topic.since).current() == epoch
    assert (len(topic.asked), await store.client.exists(LOCK_KEY)) == (1, 0)


async def test_who_lost_the_lock_neither_begins_an_epoch_nor_takes_the_lock_from_the_next_one(
    store: ValkeyStore, kept: SnapshotStore
) -> None:
    async def lost(_: Mapping[str, int]) -> Used:
        await store.client.set(LOCK_KEY, "the next one", ex=5)
        return {MONTH: {ACME: 1}}

    with pytest.raises(TryLater, match="counters_restoring"):
        await SnapshotEpochs(store, kept, lost).current()
    assert await store.client.get(LOCK_KEY) == b"the next one"
    assert (await store.client.exists(EPOCH_KEY), await used(store)) == (0, {})


async def test_who_gets_the_lock_behind_another_that_was_done_restores_nothing(
    store: ValkeyStore, kept: SnapshotStore, topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = SnapshotEpochs(store, kept, topic.since)
    monkeypatch.setattr(late, "_another", AsyncMock(side_effect=["", "run:done"]))
    assert (await late.restore(""), topic.asked) == ("run:done", [])


async def test_a_failed_restoration_leaves_nothing_half_done(
    store: ValkeyStore, kept: SnapshotStore, topic: Topic
) -> None:
    async def away(_: Mapping[str, int]) -> Used:
        raise TryLater("kafka_not_read", "away")

    with pytest.raises(TryLater, match="kafka_not_read"):
        await SnapshotEpochs(store, kept, away).current()

    assert await store.client.exists(EPOCH_KEY) == 0
    assert await SnapshotEpochs(store, kept, topic.since).current()


async def test_a_server_that_starts_again_is_another_epoch_and_one_that_is_away_decides_nothing(
    tmp_path: Path, kept: SnapshotStore, topic: Topic
) -> None:
    server = Valkey(data=tmp_path / "valkey", log=tmp_path / "valkey.log", port=free_port())
    server.start()
    server.wait_ready()
    store = ValkeyStore(server.url)
    counters = SharedCounters(store, SnapshotEpochs(store, kept, topic.since), remember=3600)
    try:
        assert await counters.count([entry("a")]) == [F]
        server.kill()
        with pytest.raises(TryLater, match="valkey_unavailable"):
            await counters.count([entry("b")])
        topic.used = {MONTH: {ACME: 3}}
        server.start()
        server.wait_ready()
        assert await counters.count([entry("b")]) == [O]
    finally:
        await store.stop(1.0)
        server.kill()
