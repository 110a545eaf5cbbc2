"""What is not ours any more is neither written nor answered, however far the batch has come."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from services.ingest.accounts.account import Account
from services.ingest.clients.asking import Ask
from services.ingest.clients.choosing import Client
from services.ingest.clients.metrics import ClientMetrics
from services.ingest.clients.naming import Named
from services.ingest.clients.taking import SOURCE, TakeOver
from services.ingest.limits.bucket import Resource
from services.ingest.limits.limiter import Standing
from shared.clock import SystemClock
from shared.contracts.codec import Writer
from shared.contracts.words import Lane
from shared.errors import TryLater
from shared.ids import AccountId, DerivedIds
from shared.kafka.choice import Done, Lot
from shared.kafka.record import Output, Record, TopicPartition
from shared.privacy.keys import FileKeyStore
from shared.privacy.sealing import Sealer

AT = datetime(2026, 3, 1, tzinfo=UTC)
ACME = Account(account_id=AccountId("acme"), name="", default_sender="Acme")
PLACE = TopicPartition("clients.acme.requests", 0)
GOOD = {"to": "+4790000001", "text": "Hei"}


class World:
    """Everything around the handler; `then` happens at a step of the way."""

    def __init__(self) -> None:
        self.lost: set[tuple[TopicPartition, int]] = set()
        self.then: dict[str, Callable[[], None]] = {}
        self.sent: list[Output] = []
        self.answered: list[Output] = []

    def step(self, name: str) -> None:
        self.then.get(name, lambda: None)()

    def of(self, topic: str) -> Client:
        return Client(ACME, 1)

    def holds(self, partition: TopicPartition, term: int) -> bool:
        return (partition, term) not in self.lost

    async def take(self, account: Account, messages: int, parts: int) -> Standing:
        return Standing(Resource.MESSAGES, 10, 10, 0)

    async def __call__(self, asks: Sequence[Ask]) -> Sequence[Named]:
        self.step("naming")
        return [Named(DerivedIds(ACME.account_id, str(ask.record.offset), AT), AT) for ask in asks]

    async def send(self, outputs: Sequence[Output], *, deadline: float) -> None:
        self.sent += outputs
        self.step("sent")

    async def answer(self, outputs: Sequence[Output], *, deadline: float) -> None:
        self.answered += outputs


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def take_over(world: World, tmp_path: Path) -> TakeOver:
    return TakeOver(
        world,  # type: ignore[arg-type]
        world,
        world,  # type: ignore[arg-type]
        dict.fromkeys(Lane, world.send),
        world.answer,
        sealer=Sealer(FileKeyStore(tmp_path), SystemClock()),
        writer=Writer(SOURCE),
        partitions=4,
        metrics=ClientMetrics(CollectorRegistry()),
    )


def lot(*bodies: object, term: int = 1) -> Lot:
    records = [
        Record(*PLACE, offset, 1_772_366_400_000, None, json.dumps(body).encode(), ())
        for offset, body in enumerate(bodies)
    ]
    return Lot(PLACE, term, records)


async def test_what_is_ours_is_written_and_answered(take_over: TakeOver, world: World) -> None:
    assert await take_over([lot(GOOD, {"bogus": 1})]) == [Done(2)]
    assert (len(world.sent), len(world.answered)) == (1, 1)


async def test_what_is_lost_before_it_is_written_is_not_written(take_over: TakeOver, world: World) -> None:
    world.then["naming"] = lambda: world.lost.add((PLACE, 1))
    with pytest.raises(TryLater, match="client_share_lost"):
        await take_over([lot(GOOD, {"bogus": 1})])
    assert (world.sent, world.answered) == ([], [])


async def test_what_is_lost_while_it_is_written_is_not_answered_and_not_finished(
    take_over: TakeOver, world: World
) -> None:
    world.then["sent"] = lambda: world.lost.add((PLACE, 1))
    (done,) = await take_over([lot(GOOD, {"bogus": 1})])
    assert done.records == 0
    assert (len(world.sent), world.answered) == (1, [])


async def test_a_batch_of_refusals_alone_that_is_lost_is_not_answered(take_over: TakeOver, world: World) -> None:
    world.lost.add((PLACE, 1))
    (done,) = await take_over([lot({"bogus": 1})])
    assert done.records == 0
    assert world.answered == []


async def test_another_term_of_the_same_partition_is_not_lost_with_it(take_over: TakeOver, world: World) -> None:
    world.lost.add((PLACE, 1))
    assert await take_over([lot(GOOD, term=2)]) == [Done(1)]
    assert len(world.sent) == 1
