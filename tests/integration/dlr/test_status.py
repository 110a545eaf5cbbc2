"""The role `status` on a real database."""

from __future__ import annotations

import asyncio
from collections import Counter

import msgspec
import pytest
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import AutoReconnect

from services.dlr.status.store import MessageStore
from shared.contracts import topics
from shared.contracts.codec import read
from shared.contracts.events import MessageStatusChanged, OperatorReceipt
from shared.contracts.states import State
from shared.contracts.words import FactKind, ReceiptState
from shared.errors import BadRecord, TryLater
from shared.ids import GATEWAY, partition_of
from shared.kafka.record import header
from shared.privacy.sealing import Sealed
from tests.integration.dlr.conftest import Outbox
from tests.integration.dlr.driving import (
    NUMBER,
    PARTITIONS,
    Door,
    Role,
    events,
    landed,
    message_ids,
    receipt,
    told_by_id,
)
from tests.unit.dlr.building import ACCOUNT, START, operator_receipt, part_fact

ALL = [State.ACCEPTED, State.QUEUED, State.SUBMITTED, State.DELIVERED]


async def test_a_batch_of_five_hundred_messages_is_told_state_by_state(
    role: Role, door: Door, store: MessageStore, outbox: Outbox
) -> None:
    ids = message_ids(500)
    records = [record for message_id in ids for record in door.life(message_id)]
    assert await role.handle(records) == records
    told = events(outbox.sent)
    assert len(told) == 2000
    assert Counter(event.state for _, event in told) == dict.fromkeys(ALL, 500)
    assert [event.state for _, event in told if event.message_id == ids[7]] == ALL
    assert {output.partition for output in outbox.sent} == set(range(PARTITIONS))
    assert all(output.partition == partition_of((output.key or b"").decode(), PARTITIONS) for output in outbox.sent)
    stored = await store.load(ids)
    assert {message.state for message in stored.values()} == {State.DELIVERED}
    assert role.metric("budstikke_status_states_total", state="delivered") == 500


async def test_the_same_events_come_of_it_in_any_portions(role: Role, door: Door, outbox: Outbox) -> None:
    first, second = message_ids(2)
    await role.handle(door.life(first))
    for record in door.life(second):
        await role.handle([record])
    one, two = ([event for _, event in events(outbox.sent) if event.message_id == which] for which in (first, second))
    assert [(event.state, event.sequence) for event in one] == [(event.state, event.sequence) for event in two]
    last = two[-1]
    assert isinstance(last, MessageStatusChanged)
    assert (last.previous, last.reference, last.operator_code) == (State.SUBMITTED, "order 7", "034")
    assert last.charge is not None
    assert (last.charge.parts_taken, last.charge.country, last.charge.route_id) == (1, "NO", "no-fjord")


async def test_what_nobody_asked_for_is_told_along_with_what_comes_next(
    role: Role, patient: Role, door: Door, store: MessageStore, outbox: Outbox
) -> None:
    hasty, calm = message_ids(2)
    for record in door.life(hasty):
        await role.handle([record])
    alone, outbox.sent[:] = told_by_id(outbox.sent), []
    request, queued, submitted, delivered = door.life(calm)
    await patient.handle([request])
    await patient.handle([queued])
    assert outbox.sent == []
    assert (await store.load([calm]))[calm].state is State.QUEUED
    await patient.handle([submitted])
    assert [event.state for _, event in events(outbox.sent)] == ALL[:3]
    await patient.handle([delivered])
    assert len(outbox.sent) == 2
    told = {name.removeprefix(calm): said for name, said in told_by_id(outbox.sent).items()}
    assert list(told) == [name.removeprefix(hasty) for name in alone]
    for counted in (role, patient):
        assert [counted.metric("budstikke_status_states_total", state=state) for state in ALL] == [1, 1, 1, 1]


async def test_a_crash_before_the_event_takes_nothing_away_that_was_to_come_along(
    patient: Role, door: Door, outbox: Outbox
) -> None:
    request, queued, submitted, delivered = door.life(message_ids(1)[0])
    await patient.handle([request, queued])
    outbox.broken = True
    with pytest.raises(TryLater):
        await patient.handle([submitted])
    outbox.broken = False
    await patient.handle([submitted])
    assert [event.state for _, event in events(outbox.sent)] == ALL[:3]
    outbox.sent.clear()
    await patient.handle([request, queued])
    assert outbox.sent == []
    await patient.handle([request, queued, submitted, delivered])
    assert [event.state for _, event in events(outbox.sent)] == ALL


async def test_who_asks_meanwhile_is_told_of_the_next_state_at_once(
    patient: Role, role: Role, door: Door, outbox: Outbox
) -> None:
    request, queued, submitted, delivered = door.life(message_ids(1)[0])
    await patient.handle([request])
    await role.handle([queued])
    assert [event.state for _, event in events(outbox.sent)] == ALL[:2]
    await role.handle([submitted, delivered])
    assert [event.state for _, event in events(outbox.sent)] == ALL


async def test_a_receipt_that_does_not_say_whose_it_is_hides_no_account(role: Role, door: Door, outbox: Outbox) -> None:
    (message_id,) = message_ids(1)
    early = operator_receipt(ReceiptState.DELIVERED, receipt_id="early", message_id=message_id)
    await role.handle([receipt(msgspec.structs.replace(early, account_id=None)), door.request(message_id)])
    assert [event.state for _, event in events(outbox.sent)] == [State.ACCEPTED]


async def test_a_crash_between_document_and_event_costs_nothing(
    role: Role, door: Door, store: MessageStore, outbox: Outbox
) -> None:
    ids = message_ids(20)
    records = [record for message_id in ids for record in door.life(message_id)]
    outbox.broken = True
    with pytest.raises(TryLater):
        await role.handle(records)
    before = await store.load(ids)
    assert len(before) == 20
    outbox.broken = False
    assert await role.handle(records) == records
    once = told_by_id(outbox.sent)
    assert len(once) == 80
    assert await role.handle(records) == records
    assert told_by_id(outbox.sent) == once
    assert await store.load(ids) == before


async def test_a_crash_after_the_request_of_what_came_early_costs_nothing(
    role: Role, door: Door, outbox: Outbox
) -> None:
    request, queued, submitted, delivered = door.life(message_ids(1)[0])
    await role.handle([delivered, queued, submitted])
    assert outbox.sent == []
    outbox.broken = True
    with pytest.raises(TryLater):
        await role.handle([request])
    outbox.broken = False
    await role.handle([request])
    assert [event.state for _, event in events(outbox.sent)] == ALL


async def test_another_members_write_makes_it_fold_again(role: Role, rival: Role, door: Door, outbox: Outbox) -> None:
    request, queued, submitted, delivered = door.life(message_ids(1)[0])
    await role.handle([request])
    await rival.handle([queued])
    assert await role.handle([submitted, delivered]) == [submitted, delivered]
    assert [event.state for _, event in events(outbox.sent)] == ALL
    assert role.metric("budstikke_status_conflicts_total") == 1


async def test_two_members_at_once_tell_one_story(
    role: Role, rival: Role, door: Door, store: MessageStore, outbox: Outbox
) -> None:
    ids = message_ids(30)
    lives = [door.life(message_id) for message_id in ids]
    for stage in zip(*lives, strict=True):
        await asyncio.gather(role.handle(stage), rival.handle(stage))
    assert len(told_by_id(outbox.sent)) == 4 * len(ids)
    stored = await store.load(ids)
    assert {(message.state, message.version) for message in stored.values()} == {(State.DELIVERED, 4)}


async def test_only_one_of_two_writers_of_a_version_wins(role: Role, door: Door, store: MessageStore) -> None:
    request, queued, submitted, _ = door.life(message_ids(1)[0])
    await role.handle([request])
    (before,) = (await store.load(message_ids(1))).values()
    await role.handle([queued])
    (theirs,) = (await store.load(message_ids(1))).values()
    await role.handle([submitted])
    (newest,) = (await store.load(message_ids(1))).values()
    assert await store.save(new=[before], known=[]) == {before.id}
    assert await store.save(new=[], known=[(before.version, theirs)]) == {before.id}
    assert await store.save(new=[], known=[(theirs.version, newest)]) == set()
    assert (await store.load(message_ids(1))) == {newest.id: newest}


async def test_of_two_writers_at_once_each_message_has_one_that_wins(
    role: Role, door: Door, store: MessageStore
) -> None:
    ids = message_ids(300)
    await role.handle([door.request(message_id, sender="$version") for message_id in ids])
    before = await store.load(ids)
    rivals = [
        [msgspec.structs.replace(message, version=message.version + 1, country=country) for message in before.values()]
        for country in ("NO", "SE")
    ]
    lost = await asyncio.gather(
        *(store.save(new=[], known=[(one.version - 1, one) for one in changed]) for changed in rivals)
    )
    won = {one.id: one for changed, behind in zip(rivals, lost, strict=True) for one in changed if one.id not in behind}
    assert sum(map(len, lost)) == len(won) == len(ids)
    assert await store.load(ids) == won


async def test_a_receipt_that_lost_its_message_is_put_under_its_key(role: Role, door: Door, outbox: Outbox) -> None:
    message_id = message_ids(1)[0]
    request, queued, submitted, _ = door.life(message_id)
    operator_id = part_fact(FactKind.SUBMITTED, message_id=message_id).operator_id or ""
    orphan = operator_receipt(ReceiptState.DELIVERED, receipt_id="r", message_id=None, operator_id=operator_id)
    raw = door.sealer.seal(GATEWAY, "r", "raw", NUMBER, START)
    orphan = OperatorReceipt(**{name: getattr(orphan, name) for name in orphan.__struct_fields__} | {"raw": raw})
    await role.handle([request, queued, submitted])
    outbox.sent.clear()
    assert len(await role.handle([receipt(orphan)])) == 1
    (again,) = outbox.sent
    assert (again.topic, again.key) == (topics.RECEIPTS, message_id.encode())
    assert again.partition == partition_of(message_id, PARTITIONS)
    event = read(landed(again))
    assert isinstance(event, OperatorReceipt)
    assert (event.receipt_id, event.message_id, event.account_id, event.part, event.attempt) == (
        "r",
        message_id,
        ACCOUNT,
        1,
        1,
    )
    assert door.sealer.open(ACCOUNT, "r", "raw", event.raw or Sealed(b"")) == NUMBER
    outbox.sent.clear()
    await role.handle([landed(again)])
    assert [event.state for _, event in events(outbox.sent)] == [State.DELIVERED]


async def test_a_receipt_that_names_no_message_is_a_dead_letter(role: Role, door: Door, outbox: Outbox) -> None:
    orphan = receipt(operator_receipt(ReceiptState.DELIVERED, message_id=None, operator_id=""))
    known = door.request(message_ids(1)[0])
    assert await role.handle([orphan, known]) == [orphan, known]
    dead = [output for output in outbox.sent if output.topic == topics.dead_letters(topics.RECEIPTS)]
    assert [header(landed(output), "dlq-error-type") for output in dead] == [b"unknown_message"]
    assert dead[0].value == orphan.value
    counted = {found: role.metric("budstikke_status_orphans_total", found=found) for found in ("yes", "no", "never")}
    assert counted == {"yes": 0, "no": 0, "never": 1}


async def test_a_request_that_does_not_open_is_a_bad_record(role: Role, door: Door) -> None:
    first, second = message_ids(2)
    stolen = door.request(first)
    moved = type(stolen)(
        **{name: getattr(stolen, name) for name in stolen.__struct_fields__}
        | {"value": (stolen.value or b"").replace(first.encode(), second.encode())}
    )
    with pytest.raises(BadRecord) as caught:
        await role.handle([moved])
    assert caught.value.code == "bad_seal"


async def test_without_the_database_the_batch_is_for_later(
    role: Role, door: Door, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object, **__: object) -> None:
        raise AutoReconnect("away")

    records = door.life(message_ids(1)[0])
    with monkeypatch.context() as patched:
        patched.setattr(AsyncCollection, "insert_many", away)
        with pytest.raises(TryLater):
            await role.handle(records)
    assert outbox.sent == []
    assert await role.handle(records) == records
