"""One of twelve partitions has no leader for half a minute: whom it fails, and how long the others wait."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from services.ingest.accounts.account import Account, Grant, Key
from services.ingest.accounts.keys import ALL_SCOPES, make
from services.ingest.api.accepting import SOURCE, Acceptance, Order
from services.ingest.api.drafting import draft
from services.ingest.api.gathering import Gathering
from services.ingest.api.metrics import ApiMetrics
from services.ingest.idempotency.claims import Claim
from services.ingest.idempotency.key import IdempotencyKey, row_id
from shared.contracts.codec import Writer
from shared.contracts.words import Lane
from shared.errors import TryLater
from shared.ids import AccountId, DerivedIds, TimeOrderedIds, partition_of
from shared.kafka.record import Output
from shared.privacy.keys import FileKeyStore
from shared.privacy.sealing import Sealer
from shared.text.numbers import Number
from tests.unit.dispatch.simulation.time import VirtualClock, VirtualLoop

A = TypeVar("A")

PARTITIONS, DEAD = 12, 7
WRITE, PAUSE = 0.003, 0.01
"""Seconds of a write, and between two posts."""
ACME = AccountId("acme")
NUMBER = Number("+4799999999")
DRAFT = draft(msgspec.json.encode({"to": NUMBER, "text": "Hei"}), "Acme")


class Post(msgspec.Struct):
    """A request, and what came of it."""

    claim: Claim | None
    failed: bool
    seconds: float

    @property
    def dead(self) -> bool:
        """Whether its ids belong to the partition without a leader."""
        if self.claim is None:
            return False
        derived = DerivedIds(self.claim.account_id, self.claim.key, self.claim.at)
        return partition_of(derived.of(0), PARTITIONS) == DEAD


class Front:
    """What takes requests over for a lane, before a broker one of whose partitions has no leader."""

    def __init__(self, loop: VirtualLoop, keys: Path) -> None:
        self.clock = VirtualClock(loop)
        self.writes = 0
        self.overtaken = False
        self.timed_out = 0
        self.written: list[Output] = []
        self._writing: list[int] = []
        metrics = ApiMetrics(CollectorRegistry()).lanes[Lane.STANDARD]
        self.lane = Gathering(
            Lane.STANDARD, self.send, self.clock, metrics, partitions=PARTITIONS, first_partition=DEAD - 1
        )
        sealer = Sealer(FileKeyStore(keys), self.clock)
        ids = TimeOrderedIds()
        self._accept = Acceptance({Lane.STANDARD: self.lane}, ids, sealer, Writer(SOURCE), self.clock)
        key = make(Random(7).randbytes)
        self._grant = Grant(Key(key.key_id, ACME, key.digest, ALL_SCOPES, self.clock.now()), Account(ACME, "Acme"))

    async def send(self, outputs: Sequence[Output], *, deadline: float) -> None:
        """Write what has a leader; with anything that has none, fail at the deadline."""
        partitions = {output.partition for output in outputs}
        self.writes += 1
        self.overtaken |= not partitions.isdisjoint(self._writing)
        self._writing += partitions
        try:
            await asyncio.sleep(WRITE)
            self.written += [output for output in outputs if output.partition != DEAD]
            if DEAD in partitions:
                await asyncio.sleep(deadline - WRITE)
                self.timed_out += 1
                raise TryLater("kafka_send_timeout", "not acknowledged")
        finally:
            for partition in partitions:
                self._writing.remove(partition)

    async def post(self, *, key: str | None = None, recipients: int = 1) -> Post:
        """Have a request taken over."""
        began = self.clock.monotonic()
        claim = None
        if key is not None:
            claim = Claim(ACME, IdempotencyKey(key), row_id(ACME, IdempotencyKey(key)), self.clock.now())
        order = Order(DRAFT, self._grant, None, [NUMBER] * recipients, range(recipients), claim)
        failed = False
        try:
            await self._accept(order)
        except TryLater:
            failed = True
        return Post(claim, failed, self.clock.monotonic() - began)

    async def posts(self, count: int, *, keyed: int) -> list[Post]:
        """That many requests, one every `PAUSE`, every so many of them with an idempotency key."""
        await self.lane.start()
        tasks = []
        for number in range(count):
            key = f"k-{number}" if keyed and number % keyed == 0 else None
            tasks.append(asyncio.create_task(self.post(key=key)))
            await asyncio.sleep(PAUSE)
        posts = await asyncio.gather(*tasks)
        await self.lane.stop(10.0)
        return posts


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    loop = VirtualLoop()
    yield loop
    loop.close()


@pytest.fixture
def front(loop: VirtualLoop, tmp_path: Path) -> Front:
    return Front(loop, tmp_path)


def run(loop: VirtualLoop, work: Coroutine[Any, Any, A]) -> A:
    return loop.run_until_complete(work)


def test_one_post_of_ten_with_a_key_fails_none_of_the_others(loop: VirtualLoop, front: Front) -> None:
    """Each fails the posts of its own partition: of minted ids those of a turn in some seconds."""
    posts = run(loop, front.posts(3200, keyed=10))
    minted = [post for post in posts if post.claim is None]
    elsewhere = [post for post in posts if post.claim is not None and not post.dead]
    failed = [post for post in posts if post.failed]
    assert sum(post.failed for post in minted) <= len(minted) // 100
    assert not any(post.failed for post in elsewhere)
    assert all(post.failed for post in posts if post.dead)
    assert len(front.written) == len(posts) - len(failed), "nobody fails whose message was written"
    assert max(post.seconds for post in posts if not post.failed) < 0.1
    assert not front.overtaken


def test_a_partition_to_which_a_write_timed_out_has_no_turn_for_half_a_minute(loop: VirtualLoop, front: Front) -> None:
    """Each time-out fails what the sender has in flight to others."""
    posts = run(loop, front.posts(3200, keyed=0))
    assert front.timed_out == 1
    assert sum(post.failed for post in posts) < 10


def test_a_key_whose_partition_is_stuck_is_refused_at_once(loop: VirtualLoop, front: Front) -> None:
    posts = run(loop, front.posts(3200, keyed=1))
    dead = [post for post in posts if post.dead]
    at_once = [post for post in dead if post.seconds == 0.0]
    assert len(at_once) > len(dead) / 2
    assert all(post.failed for post in dead)
    assert len(front.written) == len(posts) - len(dead)


def test_all_records_of_a_request_are_acknowledged_before_it_is_answered(loop: VirtualLoop, front: Front) -> None:
    async def large() -> Post:
        await front.lane.start()
        post = await front.post(recipients=700)
        await front.lane.stop(10.0)
        return post

    post = run(loop, large())
    assert post.failed, "a part of it was of the partition without a leader"
    assert {output.partition for output in front.written} == {DEAD - 1}
