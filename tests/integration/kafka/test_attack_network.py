"""Answers of the broker that come late, never, or on a connection that is gone."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from random import Random

import pytest

from shared.errors import TryLater
from shared.kafka import partition_worker
from shared.kafka.aio import AioCluster
from shared.kafka.record import Output, Received
from shared.kafka.settings import KafkaSettings
from tests.integration.kafka.attacking import Note, fill
from tests.integration.kafka.proxy import COORDINATORS, Api, Cut, Proxy
from tests.unit.kafka.behaviour_transactional import numbers
from tests.unit.kafka.kit import Finish, Kit, copies_to


@pytest.fixture
async def proxy(kafka: str) -> AsyncIterator[Proxy]:
    proxy = Proxy(kafka)
    await proxy.start()
    yield proxy
    await proxy.stop()


@pytest.fixture
async def far(kit: Kit, proxy: Proxy) -> AsyncIterator[Kit]:
    """A kit whose stages reach the broker through the proxy; `kit` sees it directly."""
    settings = KafkaSettings(
        proxy.bootstrap,
        session_timeout=3.0,
        heartbeat_interval=0.3,
        rebalance_timeout=6.0,
        request_timeout=2.0,
        start_timeout=10.0,
    )
    far = Kit(AioCluster(settings), settings, kit.truth)
    yield far
    await far.close()


class Cuts:
    """Cuts a connection now and then, at most `most` times."""

    def __init__(self, random: Random, chance: float, most: int) -> None:
        self.count = 0
        self._random = random
        self._chance = chance
        self._most = most

    async def __call__(self, api: Api | int) -> None:
        if self.count < self._most and self._random.random() < self._chance:
            self.count += 1
            raise Cut


async def test_coordinators_that_take_their_time(kit: Kit, far: Kit, proxy: Proxy) -> None:
    """The coordinators of group and transactions take 0.1 s for every answer, heartbeats included.

    Holds: each record exactly once; the stage goes on with the producers it has.
    """
    source, target, group = await kit.topic(2), await kit.topic(2), kit.group()
    await fill(kit, source, 2, 400)

    async def delay(api: Api | int) -> None:
        if api in COORDINATORS:
            await asyncio.sleep(0.1)

    proxy.before_answer = delay
    runner = await far.transactional([source], copies_to(target), group=group, max_batch=50)
    await kit.until_values(target, numbers(400), 40.0)
    await kit.until_no_lag(group, source, 2)
    assert runner.health().live
    assert [sample for metric in far.metrics.rebuilds.collect() for sample in metric.samples] == []


async def test_commits_that_get_no_answer(kit: Kit, far: Kit, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three commits reach the coordinator and their answers never come back.

    Holds: each record exactly once; the transaction's deadline ends the wait.
    """
    monkeypatch.setattr(partition_worker, "_TRANSACTION", 1.0)
    source, target, group = await kit.topic(2), await kit.topic(2), kit.group()
    await fill(kit, source, 2, 1000)
    commits = 0

    async def swallow(api: Api | int) -> None:
        nonlocal commits
        if api is Api.END_TXN:
            commits += 1
            if commits in (2, 5, 9):
                await asyncio.Event().wait()

    proxy.before_answer = swallow
    await far.transactional([source], copies_to(target), group=group, max_batch=50)
    await kit.until_values(target, numbers(1000), 40.0)
    await kit.until_no_lag(group, source, 2)
    assert commits > 9


@pytest.mark.parametrize("when", ["request", "answer"])
async def test_connections_cut_at_random_under_a_transactional_stage(
    kit: Kit, far: Kit, proxy: Proxy, when: str, record_property: Note
) -> None:
    """Twenty connections are cut at random, before requests go out or before their answers come back.

    Holds: each record exactly once, in the order of its partition.
    """
    source, target, group = await kit.topic(2), await kit.topic(2), kit.group()
    await fill(kit, source, 2, 4000)
    await far.transactional([source], copies_to(target), group=group, max_batch=50)
    cuts = Cuts(Random(7), 0.05, 20)
    setattr(proxy, f"before_{when}", cuts)
    await kit.until_values(target, numbers(4000), 40.0)
    await kit.until_no_lag(group, source, 2)
    for partition in range(2):
        passed = [int(r.value or b"") for r in await kit.truth.records(target) if r.partition == partition]
        assert passed == sorted(passed)
    assert cuts.count >= 10
    record_property("figure", f"{cuts.count} cuts before the {when}")


async def test_connections_cut_at_random_under_an_at_least_once_stage(
    kit: Kit, far: Kit, proxy: Proxy, record_property: Note
) -> None:
    """Twenty connections of an at-least-once stage are cut at random before answers come back.

    Holds: every record is finished, and the offset ends behind the last one.
    """
    source, group = await kit.topic(2), kit.group()
    finished: set[str] = set()

    async def handle(batch: Sequence[Received[str]], finish: Finish) -> None:
        await asyncio.sleep(0.01)
        for received in batch:
            finished.add(received.event)
            finish(received)

    await fill(kit, source, 2, 4000)
    await far.at_least_once([source], handle, group=group, max_batch=50, commit_interval=0.05)
    proxy.before_answer = cuts = Cuts(Random(8), 0.3, 20)
    await kit.until_no_lag(group, source, 2)
    assert finished == set(numbers(4000))
    assert cuts.count >= 5
    record_property("figure", f"{cuts.count} cuts")


async def test_acknowledgements_that_are_lost(kit: Kit, far: Kit, proxy: Proxy, record_property: Note) -> None:
    """Every fifth acknowledgement of a sender's records is lost with its connection.

    Holds: what `send` acknowledged is there, and once; a send that asks for patience has written all, some or nothing.
    """
    target, acknowledged, unsure = await kit.topic(2), [], []
    produced = 0

    async def lose(api: Api | int) -> None:
        nonlocal produced
        if api is Api.PRODUCE:
            produced += 1
            if produced % 5 == 0:
                raise Cut

    sender = await far.sender()
    proxy.before_answer = lose
    for first in range(0, 1000, 20):
        values = numbers(20, first)
        try:
            await sender.send([Output(target, int(v) % 2, None, v.encode()) for v in values], deadline=5.0)
        except TryLater:
            unsure.extend(values)
        else:
            acknowledged.extend(values)
    found = Counter(await kit.values(target))
    assert len(acknowledged) > 500
    assert set(acknowledged) <= found.keys() <= set(acknowledged) | set(unsure)
    assert set(found.values()) == {1}
    record_property("figure", f"{len(acknowledged):,} of 1,000 acknowledged, {len(found):,} there, none twice")
