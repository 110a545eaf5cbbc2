"""What ingest, dispatch and billing forget."""

from __future__ import annotations

from datetime import timedelta

from services.billing.privacy import stores as billing
from services.billing.usage.store import UsageStore
from services.dispatch.privacy import stores as dispatch
from services.ingest.privacy import stores as ingest
from shared.privacy.sealing import TAKEN_OUT
from shared.stores.mongodb import MongoStore
from tests.integration.privacy.ordering import ACCOUNT, ANNA, BJORN, NOW, Service, erase, hold, purge

DAY = timedelta(days=1)


async def test_a_message_that_waits_expires_and_goes_when_the_desk_has_let_it_go(mongo: MongoStore) -> None:
    held = mongo.database.held
    soon = {"account_id": ACCOUNT, "requested_at": NOW, "since": NOW + DAY, "expires_at": NOW + DAY}
    await held.insert_many(
        [
            {**soon, "_id": "held", "pseudonym": ANNA, "state": "waiting", "due_at": None},
            {**soon, "_id": "delayed", "pseudonym": ANNA, "state": "waiting", "due_at": NOW + DAY},
            {**soon, "_id": "done", "pseudonym": ANNA, "state": "released", "due_at": None},
            {**soon, "_id": "other", "pseudonym": BJORN, "state": "waiting", "due_at": None},
            {**soon, "_id": "new", "pseudonym": ANNA, "state": "waiting", "requested_at": NOW + DAY},
        ]
    )
    service = Service("ingest", mongo, ingest.stores)
    await service.obey(erase(ANNA))
    assert service.answers == []
    due = {row["_id"] async for row in held.find({"expires_at": {"$lte": NOW}, "due_at": None, "state": "waiting"})}
    assert due == {"held", "delayed"}
    await held.update_many({"_id": {"$in": list(due)}}, {"$set": {"state": "expired"}})  # as the desk does it
    await service.later(timedelta(seconds=2))
    assert (service.counted()["held.waiting"], service.counted()["held"]) == ((2, 0), (3, 0))
    assert [row["_id"] async for row in held.find()] == ["other", "new"]


async def test_of_a_usage_row_the_person_goes_and_the_fact_stays(mongo: MongoStore) -> None:
    row = {"account_id": ACCOUNT, "day": "2026-11-01", "parts": 2}
    await mongo.database.usage.insert_many([{**row, "pseudonym": ANNA}, {**row, "pseudonym": BJORN}])
    service = Service("billing", mongo, billing.stores)
    await service.obey(erase(ANNA))
    rows = [(row["parts"], row.get("pseudonym")) async for row in mongo.database.usage.find()]
    assert rows == [(2, None), (2, BJORN)]
    await service.obey(purge(NOW - 5 * DAY))
    assert await mongo.database.usage.count_documents({"pseudonym": {"$exists": True}}) == 0
    assert await mongo.database.usage.count_documents({}) == 2


async def test_a_purge_of_usage_does_not_read_what_was_freed_before(mongo: MongoStore) -> None:
    """Every row of an account stays for ever, and one more day of them is freed each night."""
    usage = mongo.database.usage
    await UsageStore(mongo).prepare()
    day = NOW - 400 * DAY
    freed = [{"account_id": ACCOUNT, "day": f"{day + n % 300 * DAY:%Y-%m-%d}", "parts": 1} for n in range(3000)]
    tonight = {"account_id": ACCOUNT, "day": f"{NOW - 50 * DAY:%Y-%m-%d}", "parts": 1, "pseudonym": BJORN}
    kept = [{**tonight, "day": f"{NOW - n % 39 * DAY:%Y-%m-%d}"} for n in range(300)]
    others = [{**tonight, "account_id": f"other-{n % 7}"} for n in range(300)]
    await usage.insert_many([*freed, *kept, *others, *({**tonight} for _ in range(20))])
    found = usage.find(billing.used_before(purge(NOW - 40 * DAY, held=(ANNA,))), {"_id": 1}).limit(100)
    told = await found.explain()
    assert "unfreed" in str(told["queryPlanner"]["winningPlan"])
    assert (told["executionStats"]["totalKeysExamined"], told["executionStats"]["nReturned"]) == (20, 20)


async def test_the_premium_ledger_keeps_a_person_until_nothing_can_be_refunded_any_more(mongo: MongoStore) -> None:
    ledger = mongo.database.premium_transactions
    row = {"account_id": ACCOUNT, "pseudonym": ANNA, "reference": "order 7", "price": 1000}
    await ledger.insert_many([{**row, "ordered_at": NOW - 500 * DAY}, {**row, "ordered_at": NOW - 100 * DAY}])
    service = Service("billing", mongo, billing.stores)
    await service.obey(erase(ANNA))
    assert service.counted()["premium_transactions"] == (1, 1)
    assert await ledger.count_documents({"price": 1000}) == 2
    service.clock.advance((301 * DAY).total_seconds())
    await service.obey(purge(NOW - 3600 * DAY))
    assert await ledger.count_documents({"pseudonym": {"$exists": True}}) == 0


async def test_a_premium_transaction_that_is_open_keeps_its_person_until_it_is_settled(mongo: MongoStore) -> None:
    consent = {"kind": "declared", "at": NOW, "reference": "signed by Anna"}
    event = {"account_id": ACCOUNT, "pseudonym": ANNA, "ordered_at": NOW, "reference": "order 7", "consent": consent}
    await mongo.database.premium.insert_many(
        [{"_id": step, "step": step, "event": event, "version": 1} for step in ("taken", "closed")]
    )
    service = Service("dispatch", mongo, dispatch.stores)
    await service.obey(erase(ANNA))
    assert service.counted()["premium"] == (1, 1)
    await mongo.database.premium.update_one({"_id": "taken"}, {"$set": {"step": "closed"}})
    await service.later(timedelta(hours=7))
    assert await mongo.database.premium.count_documents({"event.pseudonym": ANNA}) == 0
    rows = [row async for row in mongo.database.premium.find()]
    assert {row["version"] for row in rows} == {2}
    freed = {"account_id": ACCOUNT, "ordered_at": NOW, "consent": {"kind": "declared", "at": NOW}}
    assert [row["event"] for row in rows] == [freed, freed]


async def test_what_the_desk_let_go_goes_after_a_month_but_of_nobody_under_a_hold(mongo: MongoStore) -> None:
    held = mongo.database.held
    row = {"account_id": ACCOUNT, "state": "released"}
    ages = (("anna", ANNA, 31), ("young", ANNA, 29), ("bjorn", BJORN, 31))
    await held.insert_many(
        [{**row, "_id": name, "pseudonym": who, "done_at": NOW - days * DAY} for name, who, days in ages]
    )
    service = Service("ingest", mongo, ingest.stores)
    await service.take(hold(BJORN))
    await service.obey(purge(NOW - 540 * DAY))
    assert {row["_id"] async for row in held.find()} == {"young", "bjorn"}


async def test_a_premium_transaction_goes_after_400_days_but_of_nobody_under_a_hold(mongo: MongoStore) -> None:
    premium = mongo.database.premium
    ages = (("anna", ANNA, 401), ("freed", None, 401), ("young", ANNA, 399), ("bjorn", BJORN, 401))
    await premium.insert_many(
        [
            {
                "_id": name,
                "step": "taken",
                "event": {"account_id": ACCOUNT, "ordered_at": NOW - days * DAY, **({"pseudonym": who} if who else {})},
            }
            for name, who, days in ages
        ]
    )
    service = Service("dispatch", mongo, dispatch.stores)
    await service.take(hold(BJORN))
    await service.obey(purge(NOW - 540 * DAY))
    assert {row["_id"] async for row in premium.find()} == {"young", "bjorn"}


async def test_of_what_nobody_knows_number_and_text_go_and_the_rest_stays_to_be_closed(mongo: MongoStore) -> None:
    unknowns = mongo.database.unknowns
    message = {"account_id": ACCOUNT, "pseudonym": ANNA, "requested_at": NOW, "to": b"sealed", "content": b"sealed"}
    await unknowns.insert_many(
        [
            {"_id": "anna", "at": NOW + DAY, "order": {"message": {**message, "reference": "to anna"}}},
            {"_id": "bjorn", "at": NOW, "order": {"message": {**message, "pseudonym": BJORN}}},
            {"_id": "new", "at": NOW, "order": {"message": {**message, "requested_at": NOW + DAY}}},
        ]
    )
    service = Service("dispatch", mongo, dispatch.stores)

    await service.obey(erase(ANNA))

    assert service.counted()["unknowns"] == (1, 0)
    rows = {row["_id"]: row["order"]["message"] async for row in unknowns.find()}
    freed = {"account_id": ACCOUNT, "pseudonym": "", "requested_at": NOW, "to": TAKEN_OUT, "content": TAKEN_OUT}
    assert rows["anna"] == freed
    assert {name for name, row in rows.items() if row["to"] == b"sealed"} == {"bjorn", "new"}
