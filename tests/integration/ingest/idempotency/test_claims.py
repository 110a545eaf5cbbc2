"""Claims on a real database: one row however many ask, whatever was acknowledged, and nothing in clear."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from bson import encode
from pymongo.read_concern import ReadConcern

from deploy.local.mongodb import MongoDB
from deploy.local.ports import free_port
from services.ingest.idempotency.claims import Claim, KeyReused, Replay
from services.ingest.idempotency.key import IdempotencyKey, row_id
from services.ingest.idempotency.store import ClaimStore, Row
from shared.clock import ManualClock
from shared.errors import TryLater
from shared.ids import AccountId
from shared.privacy.sealing import Sealed
from shared.stores.mongodb import MongoStore
from tests.integration.ingest.idempotency.conftest import NewDoor
from tests.support import wait_until
from tests.unit.ingest.idempotency.machine import answered

ACME = AccountId("acme")
KEY = IdempotencyKey("order-99999999")
BODY = "a" * 64
START = datetime.now(UTC).replace(microsecond=123_456)


async def test_one_row_and_one_time_however_many_claim_at_once(new_door: NewDoor, mongo: MongoStore) -> None:
    doors = [new_door() for _ in range(4)]
    claims = await asyncio.gather(*(doors[number % 4].claim(ACME, KEY, BODY) for number in range(100)))
    assert {claim.at for claim in claims if isinstance(claim, Claim)} == {
        row["at"] async for row in mongo.database.idempotency.find()
    }
    assert all(isinstance(claim, Claim) for claim in claims)
    assert await mongo.database.idempotency.count_documents({}) == 1


async def test_of_two_bodies_at_once_one_wins(new_door: NewDoor) -> None:
    doors = [new_door(), new_door()]
    for number in range(20):
        key = IdempotencyKey(f"k{number}")
        answers = await asyncio.gather(
            doors[0].claim(ACME, key, "a" * 64), doors[1].claim(ACME, key, "b" * 64), return_exceptions=True
        )
        assert sorted(type(answer).__name__ for answer in answers) == ["Claim", "KeyReused"]


async def test_an_answer_that_was_kept_is_given_by_every_door(new_door: NewDoor) -> None:
    claim = await new_door().claim(ACME, KEY, BODY)
    assert isinstance(claim, Claim)
    assert await new_door().claim(ACME, KEY, BODY) == claim
    assert await new_door().answered(ACME, KEY, BODY) is None
    await answered(new_door(), claim, '{"å":1}'.encode(), kept=True)
    assert await new_door().claim(ACME, KEY, BODY) == Replay('{"å":1}'.encode())
    assert await new_door().answered(ACME, KEY, BODY) == Replay('{"å":1}'.encode())
    assert await new_door().answered(ACME, KEY, "b" * 64) is None
    with pytest.raises(KeyReused):
        await new_door().claim(ACME, KEY, "b" * 64)


async def test_rows_with_and_without_a_forerunner_share_a_round_trip(new_door: NewDoor) -> None:
    door = new_door()
    old = {number: await door.claim(ACME, IdempotencyKey(f"k{number}"), BODY) for number in range(0, 50, 2)}
    claims = await asyncio.gather(*(door.claim(ACME, IdempotencyKey(f"k{number}"), BODY) for number in range(50)))
    assert {number: claims[number] for number in old} == old
    assert len({claim.row_id for claim in claims if isinstance(claim, Claim)}) == 50


async def test_after_72_hours_one_of_many_takes_the_key_over(new_door: NewDoor, mongo: MongoStore) -> None:
    clock = ManualClock(START)
    doors = [new_door(clock) for _ in range(4)]
    first = await doors[0].claim(ACME, KEY, BODY)
    assert isinstance(first, Claim)
    await answered(doors[0], first, b"{}", kept=True)
    clock.advance(72 * 3600)
    claims = await asyncio.gather(*(door.claim(ACME, KEY, "b" * 64) for door in doors))
    second = claims[0]
    assert isinstance(second, Claim)
    assert set(claims) == {second}
    assert second.at == first.at + timedelta(hours=72)
    await answered(doors[1], first, b"late", kept=True)
    assert await doors[2].claim(ACME, KEY, "b" * 64) == second
    assert await mongo.database.idempotency.count_documents({}) == 1


async def test_a_time_is_read_as_it_was_claimed(new_door: NewDoor) -> None:
    clock = ManualClock(START)
    assert await new_door(clock).claim(ACME, KEY, BODY) == await new_door(clock).claim(ACME, KEY, BODY)


async def test_nothing_is_stored_in_clear(new_door: NewDoor, mongo: MongoStore) -> None:
    claim = await new_door().claim(ACME, KEY, BODY)
    assert isinstance(claim, Claim)
    await answered(new_door(), claim, b'{"to":"+4799999999"}', kept=True)
    newest = mongo.database.idempotency.with_options(read_concern=ReadConcern("local"))
    (row,) = [row async for row in newest.find()]
    assert set(row) == {"_id", "at", "body", "answer"}
    octets = encode(row)
    assert b"99999999" not in octets
    assert BODY.encode() not in octets
    assert row["_id"].startswith("acme:")


async def test_rows_are_removed_after_their_life_and_not_before(mongo: MongoStore) -> None:
    indexes = await mongo.database.idempotency.index_information()
    assert indexes["kept"]["key"] == [("at", 1)]
    assert indexes["kept"]["expireAfterSeconds"] == 73 * 3600


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[MongoDB]:
    """A database that a test may stop."""
    server = MongoDB(data=tmp_path / "mongodb", log=tmp_path / "mongodb.log", port=free_port())
    try:
        server.start()
        server.wait_ready()
        yield server
    finally:
        server.kill()


@pytest.fixture
async def mortal_rows(mortal: MongoDB) -> AsyncIterator[ClaimStore]:
    store = MongoStore(mortal.uri, "ingest")
    await store.start()
    yield ClaimStore(store.database)
    await store.stop(1.0)


async def test_a_database_that_dies_is_try_later_and_keeps_what_it_acknowledged(
    mortal: MongoDB, mortal_rows: ClaimStore
) -> None:
    row = Row(row_id(ACME, KEY), START.replace(microsecond=0), Sealed(b"sealed"))
    assert await mortal_rows.insert([row]) == [True]
    mortal.kill()
    with pytest.raises(TryLater) as error:
        await mortal_rows.insert([row])
    assert error.value.code == "idempotency_unavailable"
    with pytest.raises(TryLater):
        await mortal_rows.find(row.row_id)
    mortal.start()
    mortal.wait_ready()

    async def back() -> bool:
        try:
            return await mortal_rows.find(row.row_id) == row
        except TryLater:
            return False

    await wait_until(back, deadline=30.0)
    assert await mortal_rows.insert([row]) == [False]
