"""A participant on a real database: batches, repeats, kills, turns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from pymongo.asynchronous.client_session import AsyncClientSession

from shared.clock import Clock
from shared.contracts.privacy import OrderId, PrivacyOrdered
from shared.errors import TryLater
from shared.privacy.participant import Batch, Matching, Store
from shared.privacy.participant.participant import AGAIN, HELD, LATE, PATIENCE
from shared.privacy.participant.selecting import of_person, older
from shared.privacy.participant.work import COLLECTION
from shared.stores.mongodb import Database, MongoStore
from tests.integration.privacy.ordering import ACCOUNT, ANNA, BJORN, NOW, Service, erase, hold, purge

DAY = timedelta(days=1)


def rows(_: Clock) -> Callable[[Database], Sequence[Store]]:
    return lambda database: [Matching(database, "rows", person=of_person, aged=lambda order: older(order, "at"))]


class Tripping:
    """Fails the second time that it is asked, with its step done but not kept."""

    name = "rows"

    def __init__(self, database: Database) -> None:
        self._inner = Matching(database, "rows", person=of_person)
        self._calls = 0

    async def forget(self, order: PrivacyOrdered, session: AsyncClientSession, limit: int) -> Batch:
        done = await self._inner.forget(order, session, limit)
        self._calls += 1
        if self._calls == 2:
            raise TryLater("killed", "between the deletion and its count")
        return done


class Waiting:
    """Something that somebody else has to let go first."""

    name = "waiting"

    async def forget(self, order: PrivacyOrdered, session: AsyncClientSession, limit: int) -> Batch:
        return Batch(0, held=1, more=True)


async def fill(mongo: MongoStore) -> None:
    """Ten rows of Anna's, a day apart and back in time; three of Bjørn's; one of Anna's at somebody else's."""
    await mongo.database.rows.insert_many(
        [{"account_id": ACCOUNT, "pseudonym": ANNA, "at": NOW - day * DAY} for day in range(10)]
        + [{"account_id": ACCOUNT, "pseudonym": BJORN, "at": NOW - day * DAY} for day in (0, 5, 9)]
        + [{"account_id": "other", "pseudonym": ANNA, "at": NOW}]
    )


async def left(mongo: MongoStore) -> int:
    return await mongo.database.rows.count_documents({})


async def test_an_erasure_takes_one_person_of_one_account_in_batches_and_is_answered_once(mongo: MongoStore) -> None:
    await fill(mongo)
    service = Service("dlr", mongo, rows)
    await service.obey(erase())
    await service.obey(erase())
    assert await left(mongo) == 4
    (answer,) = service.answers
    assert (answer.service, answer.complete, service.counted()) == ("dlr", True, {"rows": (10, 0)})
    assert service.ids == ["erase-acme-1:dlr:complete"]


async def test_a_purge_takes_what_is_older_but_of_nobody_under_a_hold(mongo: MongoStore) -> None:
    await fill(mongo)
    service = Service("dlr", mongo, rows)
    await service.obey(purge(NOW - 4 * DAY, held=(BJORN,)))
    assert service.counted() == {"rows": (5, 0)}
    assert await mongo.database.rows.count_documents({"pseudonym": BJORN}) == 3
    assert await mongo.database.rows.count_documents({"at": {"$lt": NOW - 4 * DAY}, "pseudonym": ANNA}) == 0


async def test_an_order_that_names_nobody_or_no_time_forgets_nothing(mongo: MongoStore) -> None:
    await fill(mongo)
    service = Service("dlr", mongo, rows)
    await service.obey(msgspec.structs.replace(erase(), pseudonyms=()))
    await service.obey(msgspec.structs.replace(purge(NOW), before=None))
    assert (await left(mongo), [answer.counts[0].deleted for answer in service.answers]) == (14, [0, 0])


async def test_what_was_deleted_and_not_counted_was_not_deleted(mongo: MongoStore) -> None:
    await fill(mongo)
    tripping = Tripping(mongo.database)
    service = Service("dlr", mongo, lambda _: lambda _: [tripping])
    await service.take(erase())
    assert await service.participant.work() == 1
    with pytest.raises(TryLater):
        await service.participant.work()
    assert await left(mongo) == 11
    await service.later(timedelta(seconds=31))
    assert service.counted() == {"rows": (10, 0)}


async def test_another_process_goes_on_where_a_dead_one_stood(mongo: MongoStore) -> None:
    await fill(mongo)
    first, second = Service("dlr", mongo, rows), Service("dlr", mongo, rows)
    await first.take(erase())
    await first.participant.work()
    await first.work.claim(NOW)  # and dies with it
    await second.all_due()
    assert (await left(mongo), second.answers) == (11, [])
    await second.later(timedelta(seconds=31))
    assert (await left(mongo), second.counted()) == (4, {"rows": (10, 0)})


async def test_who_was_too_slow_does_nothing_to_an_order_that_is_anothers_by_now(mongo: MongoStore) -> None:
    await fill(mongo)
    service = Service("dlr", mongo, rows)
    await service.take(erase())
    slow = await service.work.claim(NOW)
    assert slow is not None
    assert slow.order is not None
    await service.later(timedelta(seconds=31))
    await mongo.database.rows.insert_one({"account_id": ACCOUNT, "pseudonym": ANNA, "at": NOW})
    with pytest.raises(TryLater) as lost:
        await service.participant._step(slow, slow.order)
    assert (lost.value.code, await left(mongo)) == ("privacy_claim_lost", 5)


async def test_who_is_slow_to_tell_that_it_is_partial_does_not_set_back_what_another_did_since(
    mongo: MongoStore,
) -> None:
    await fill(mongo)
    service = Service("dlr", mongo, rows)
    await service.take(erase())
    service.clock.advance(PATIENCE.total_seconds() + 1)
    told, another = service.participant._answer, Service("dlr", mongo, rows)
    another.clock.advance(PATIENCE.total_seconds() + 2)

    async def slowly(*given: Any, **words: Any) -> None:
        service.participant._answer = told  # type: ignore[method-assign]
        await another.all_due()
        await told(*given, **words)

    service.participant._answer = slowly  # type: ignore[method-assign]
    await service.all_due()
    assert (await left(mongo), another.counted(), service.answers[-1].complete) == (4, {"rows": (10, 0)}, False)
    work = await mongo.database[COLLECTION].find_one({})
    assert (work or {})["told"]
    assert (work or {})["counts"] == {"rows": [10, 0]}


async def test_what_comes_late_is_erased_too_and_then_the_order_forgets_the_person(mongo: MongoStore) -> None:
    await fill(mongo)
    service = Service("dlr", mongo, rows)
    await service.obey(erase())
    await mongo.database.rows.insert_one({"account_id": ACCOUNT, "pseudonym": ANNA, "at": NOW})
    await service.later(AGAIN)
    assert await left(mongo) == 4
    work = mongo.database[COLLECTION]
    assert await work.count_documents({"order.pseudonyms": ANNA}) == 1
    for _ in range(LATE // AGAIN + 1):
        await service.later(AGAIN)
    assert await work.count_documents({"order.pseudonyms": ANNA}) == 0
    await service.obey(erase())
    assert len(service.answers) == 1


async def test_what_was_on_its_way_is_erased_within_minutes_and_what_comes_days_later_within_hours(
    mongo: MongoStore,
) -> None:
    service = Service("dlr", mongo, rows)
    await service.obey(erase())
    for later in (timedelta(minutes=1), timedelta(minutes=2), timedelta(hours=1), 2 * DAY):
        await service.later(later)
        await mongo.database.rows.insert_one({"account_id": ACCOUNT, "pseudonym": ANNA, "at": NOW})
        await service.later(min(service.clock.now() - NOW, AGAIN))
        assert await left(mongo) == 0
    assert len(service.answers) == 1


async def test_an_order_that_waits_for_somebody_is_answered_as_partial(mongo: MongoStore) -> None:
    service = Service("dlr", mongo, lambda _: lambda _: [Waiting()])
    await service.take(erase())
    assert [await service.participant.work(), await service.participant.work()] == [1, 0]
    for seconds in (PATIENCE.total_seconds() + 1, 2.0):
        service.clock.advance(seconds)
        assert await service.participant.work() == 1
    (answer,) = service.answers
    assert (answer.complete, service.counted(), service.ids) == (
        False,
        {"waiting": (0, 1)},
        ["erase-acme-1:dlr:partial"],
    )


async def test_a_hold_stops_an_erasure_that_is_out_until_it_is_closed(mongo: MongoStore) -> None:
    await fill(mongo)
    service = Service("dlr", mongo, rows)
    await service.take(erase())
    assert await service.participant.work() == 1
    await service.take(hold(ANNA))
    await service.all_due()
    await service.later(timedelta(days=60))
    assert (await left(mongo), [answer.complete for answer in service.answers]) == (11, [False])
    await service.take(hold(closed=True), hold(ANNA))  # told again, behind its end
    await service.later(HELD)
    assert (await left(mongo), service.counted()) == (4, {"rows": (10, 0)})
    assert await mongo.database.privacy_holds.count_documents({"pseudonyms": {"$exists": True}}) == 0


async def test_a_hold_on_a_person_turns_a_purge_that_is_out_around_them_and_one_on_the_account_stops_it(
    mongo: MongoStore,
) -> None:
    await fill(mongo)
    service = Service("dlr", mongo, rows)
    await service.take(purge(NOW - 4 * DAY), hold(BJORN))
    await service.all_due()
    assert service.counted() == {"rows": (5, 0)}
    assert await mongo.database.rows.count_documents({"pseudonym": BJORN}) == 3
    whole = msgspec.structs.replace(hold(), hold_id=OrderId("lh_2"))
    await service.take(whole, purge(NOW))
    await service.all_due()
    assert (len(service.answers), await left(mongo)) == (1, 9)
