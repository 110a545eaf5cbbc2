"""What dlr forgets, and what its other roles do with what is left."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from services.dlr.inbound.refusing import Refusing
from services.dlr.inbound.store import InboundStore
from services.dlr.privacy.stores import stores
from services.dlr.status.store import MessageStore
from services.dlr.webhooks.delivery.store import DeliveryStore
from shared.contracts.events import MessageStatusChanged
from shared.contracts.inbound import OptOutSource
from shared.contracts.privacy import Basis
from shared.contracts.states import State
from shared.contracts.words import FactKind, ReceiptState
from shared.ids import GATEWAY
from shared.privacy.keys import FileKeyStore, quarter_of
from shared.privacy.participant.participant import AGAIN, LATE
from shared.privacy.pseudonyms import Pseudonyms
from shared.privacy.sealing import ERASED, TAKEN_OUT, Sealer
from shared.stores.mongodb import MongoStore
from tests.integration.dlr.conftest import Outbox, door, keys, outbox, parked, role, sealer, store
from tests.integration.dlr.driving import NUMBER, Door, Role, events, fact, message_ids, receipt
from tests.integration.privacy.ordering import ANNA, BJORN, NOW, Service, erase, hold, purge
from tests.unit.dlr.building import ACCOUNT, START, operator_receipt, part_fact

__all__ = ["door", "keys", "outbox", "parked", "role", "sealer", "store"]

DAY = timedelta(days=1)


@pytest.fixture
async def dlr(mongo: MongoStore, store: MessageStore) -> Service:
    await DeliveryStore(mongo).prepare()
    await InboundStore(mongo).prepare()
    return Service("dlr", mongo, stores)


async def test_a_person_who_is_erased_while_a_message_is_under_way_does_not_come_back_with_its_receipt(
    mongo: MongoStore,
    dlr: Service,
    role: Role,
    door: Door,
    keys: FileKeyStore,
    sealer: Sealer,
    store: MessageStore,
    outbox: Outbox,
) -> None:
    first, second = message_ids(2)
    pseudonym = Pseudonyms(keys).of(ACCOUNT, NUMBER, START)
    submitted = door.life(first)[:3]
    await role.handle([*submitted, door.request(second)])
    assert await mongo.database.messages.count_documents({"request.pseudonym": pseudonym}) == 2
    await dlr.obey(erase(pseudonym))
    assert dlr.counted()["messages"] == (2, 0)

    outbox.sent.clear()
    late = [
        receipt(operator_receipt(ReceiptState.DELIVERED, receipt_id="late", message_id=first)),
        fact(part_fact(FactKind.QUEUED, part=0, message_id=second)),
        fact(part_fact(FactKind.SUBMITTED, seconds=2, message_id=second)),
    ]
    await role.handle([*late, *submitted])  # the request comes once more, too
    kept = await store.load([first, second])
    assert {message.state for message in kept.values()} == {State.DELIVERED, State.SUBMITTED}
    for message in kept.values():
        assert message.request is not None
        assert (message.request.pseudonym, message.request.reference) == (None, None)
        assert sealer.open(ACCOUNT, message.id, "to", message.request.to) is ERASED
    told = [event for _, event in events(outbox.sent) if isinstance(event, MessageStatusChanged)]
    assert [event.state for event in told if event.charge is not None] != []
    assert all(event.to == TAKEN_OUT for event in told if event.message_id == second)
    assert all(event.charge.pseudonym is None for event in told if event.charge is not None)
    assert pseudonym not in str([row async for row in mongo.database.messages.find()])

    await dlr.later(LATE + AGAIN)
    assert await mongo.database.messages.count_documents({}) == 0


async def test_parked_webhooks_go_with_their_messages_and_incoming_ones_with_theirs(
    mongo: MongoStore, dlr: Service
) -> None:
    database = mongo.database
    await database.messages.insert_many(
        [
            {"_id": name, "account_id": ACCOUNT, "request": {"pseudonym": who, "requested_at": NOW - 400 * DAY}}
            for name, who in (("a", ANNA), ("b", BJORN))
        ]
    )
    await database.inbound_messages.insert_many(
        [
            {"_id": "c", "account_id": ACCOUNT, "pseudonym": ANNA, "received_at": NOW},
            {"_id": "d", "account_id": None, "pseudonym": BJORN, "received_at": NOW - 400 * DAY},
            {
                "_id": "e",
                "account_id": "other",
                "received_at": NOW,
                "opt_outs": [{"pseudonym": ANNA}, {"pseudonym": BJORN}],
            },
        ]
    )
    await database.webhook_deliveries.insert_many([{"message_id": name} for name in "abc"])
    await dlr.obey(erase(ANNA))
    assert [row["_id"] async for row in database.messages.find()] == ["b"]
    left = [row async for row in database.inbound_messages.find({"erased": None})]
    assert {row["_id"] for row in left} == {"d", "e"}
    assert [row["message_id"] async for row in database.webhook_deliveries.find()] == ["b"]
    assert (await database.inbound_messages.find_one({"_id": "e"}) or {})["opt_outs"] == [{"pseudonym": BJORN}]
    await dlr.obey(purge(NOW - 90 * DAY, account=GATEWAY))
    assert {row["_id"] async for row in database.inbound_messages.find({"erased": None})} == {"e"}


async def test_a_webhook_that_is_parked_behind_the_erasure_goes_at_the_next_look(
    mongo: MongoStore, dlr: Service
) -> None:
    database = mongo.database
    request = {"pseudonym": ANNA, "requested_at": NOW}
    await database.messages.insert_one({"_id": "a", "account_id": ACCOUNT, "version": 1, "request": request})
    await database.inbound_messages.insert_one(
        {"_id": "b", "account_id": ACCOUNT, "pseudonym": ANNA, "received_at": NOW, "from_": b"sealed"}
    )
    await dlr.obey(erase(ANNA))
    await database.webhook_deliveries.insert_many([{"message_id": name} for name in "abc"])
    await dlr.later(AGAIN)
    assert [row["message_id"] async for row in database.webhook_deliveries.find()] == ["c"]
    await dlr.later(LATE)
    assert await database.messages.count_documents({}) == 0
    assert await database.inbound_messages.count_documents({}) == 0


async def test_a_person_is_erased_from_what_came_for_nobody_as_of_an_account(mongo: MongoStore, dlr: Service) -> None:
    inbound = mongo.database.inbound_messages
    await inbound.insert_many(
        [
            {"_id": name, "account_id": None, "pseudonym": who, "received_at": NOW, "from_": b"sealed"}
            for name, who in (("a", ANNA), ("b", BJORN))
        ]
    )
    await dlr.obey(msgspec.structs.replace(erase(ANNA), account_id=GATEWAY))
    rows = {row["_id"]: row async for row in inbound.find()}
    assert (bytes(rows["a"]["from_"]), rows["a"]["pseudonym"]) == (TAKEN_OUT, "")
    assert (bytes(rows["b"]["from_"]), rows["b"]["pseudonym"]) == (b"sealed", BJORN)


async def test_dead_webhooks_go_after_a_month_but_while_anybody_is_under_a_hold(
    mongo: MongoStore, dlr: Service
) -> None:
    deliveries = mongo.database.webhook_deliveries
    await deliveries.insert_many(
        [{"account_id": ACCOUNT, "dead_at": NOW - days * DAY} for days in (29, 31)] + [{"account_id": ACCOUNT}]
    )
    await dlr.take(hold(BJORN))
    await dlr.obey(purge(NOW - 540 * DAY))
    assert await deliveries.count_documents({}) == 3
    await dlr.take(hold(closed=True))
    await dlr.obey(purge(NOW - 539 * DAY))
    assert await deliveries.count_documents({}) == 2
    await dlr.obey(purge(NOW))
    assert await deliveries.count_documents({}) == 1


async def test_an_opt_out_survives_as_a_pseudonym_without_its_number(mongo: MongoStore, dlr: Service) -> None:
    await mongo.database.opt_outs.insert_one({"account_id": ACCOUNT, "pseudonym": ANNA, "at": NOW, "number": b"sealed"})
    await dlr.obey(erase(ANNA))
    assert dlr.counted()["opt_outs"] == (1, 1)
    row = await mongo.database.opt_outs.find_one()
    assert row is not None
    assert (row["pseudonym"], bytes(row["number"])) == (ANNA, TAKEN_OUT)


async def test_an_opt_outs_number_outlives_the_keys_of_quarters_and_ends_with_the_account(
    mongo: MongoStore, dlr: Service, keys: FileKeyStore, sealer: Sealer
) -> None:
    refusing = Refusing(InboundStore(mongo), sealer, Pseudonyms(keys))
    row, _ = await refusing.add(ACCOUNT, "*", NUMBER, START, OptOutSource.API, "key")
    keys.destroy(ACCOUNT, quarter_of(START))
    assert sealer.open(ACCOUNT, row.id, "number", row.number) == NUMBER
    await dlr.obey(purge(NOW))
    assert await mongo.database.opt_outs.count_documents({"number": TAKEN_OUT}) == 0
    await dlr.obey(msgspec.structs.replace(purge(NOW - DAY), basis=Basis.END_OF_RELATION))
    assert await mongo.database.opt_outs.count_documents({"number": TAKEN_OUT}) == 1


async def test_what_somebody_is_sent_after_the_erasure_stays(mongo: MongoStore, dlr: Service) -> None:
    await dlr.obey(erase(ANNA))
    again = {"account_id": ACCOUNT, "request": {"pseudonym": ANNA, "requested_at": NOW + timedelta(hours=1)}}
    await mongo.database.messages.insert_one(again)
    await dlr.later(AGAIN)
    await dlr.later(LATE)
    assert await mongo.database.messages.count_documents({"request.pseudonym": ANNA}) == 1


async def test_a_purge_deletes_old_messages_and_stubs_but_of_nobody_under_a_hold(
    mongo: MongoStore, dlr: Service
) -> None:
    old = NOW - 600 * DAY
    await mongo.database.messages.insert_many(
        [
            {"_id": "anna", "account_id": ACCOUNT, "request": {"pseudonym": ANNA, "requested_at": old}},
            {"_id": "bjorn", "account_id": ACCOUNT, "request": {"pseudonym": BJORN, "requested_at": old}},
            {"_id": "new", "account_id": ACCOUNT, "request": {"pseudonym": ANNA, "requested_at": NOW}},
            {"_id": "stub", "account_id": ACCOUNT, "waiting": [{"at": old}]},
            {"_id": "young", "account_id": ACCOUNT, "waiting": [{"at": NOW}]},
        ]
    )
    await dlr.obey(purge(NOW - 540 * DAY, held=(BJORN,)))
    assert {row["_id"] async for row in mongo.database.messages.find()} == {"bjorn", "new", "young"}
