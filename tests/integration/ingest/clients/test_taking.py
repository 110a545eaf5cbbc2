"""Requests of client systems on the real broker and database: taken over once, refused with an answer, never stuck."""

from __future__ import annotations

import asyncio
import json
import os
import signal

import aiokafka
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import MessageSizeTooLargeError

from deploy.local.kafka import Kafka
from services.ingest.accounts.account import Limits
from services.ingest.idempotency.key import IdempotencyKey, row_id
from shared.contracts.topics import client_requests
from shared.contracts.words import Door, Lane
from tests.integration.ingest.clients.running import TEXT, Room
from tests.support import wait_until
from tests.unit.kafka.batches import foreign, foreign_record, send_foreign


async def test_a_request_becomes_messages_under_the_accounts_name(room: Room) -> None:
    account = await room.account()
    await room.publish(account, {**TEXT, "to": ["+4790000001", "+4790000002"], "category": "otp", "reference": "r"})
    room.start()
    first, second = await room.wait_for(account, 2, Lane.EXPRESS)
    assert {first.door, second.door} == {Door.KAFKA}
    assert {first.actor.key_id, second.actor.key_id} == {f"client-{account}"}
    assert first.reference == "r"


async def test_the_same_id_twice_is_one_message_and_with_another_body_refused(room: Room) -> None:
    account = await room.account()
    room.start()
    await room.publish(account, TEXT, TEXT, {**TEXT, "text": "Noe annet"}, TEXT, key="order-1")
    await room.publish(account, TEXT, key="order-2")
    found = await room.wait_for(account, 2)
    (refusal,) = await room.answers(account, 1)
    assert len({event.message_id for event in found}) == 2
    assert refusal["type"] == "request.refused"
    assert refusal["data"]["request_id"] == "order-1"
    assert refusal["data"]["problem"]["code"] == "idempotency_key_reused"


async def test_poison_is_answered_and_stops_neither_its_partition_nor_another_accounts(room: Room) -> None:
    poisoned, other = await room.account(), await room.account()
    room.start()
    await room.publish(poisoned, b"", b"{", b"\xff\xfe", b"[" * 5000, {"bogus": 1}, {**TEXT, "to": "12"}, [1], TEXT)
    await room.publish(other, TEXT)
    await room.wait_for(other, 1)
    await room.wait_for(poisoned, 1)
    answers = await room.answers(poisoned, 7)
    assert [answer["data"]["offset"] for answer in sorted(answers, key=lambda one: one["data"]["offset"])] == [
        *range(7)
    ]
    assert {answer["data"]["problem"]["code"] for answer in answers} == {
        "invalid_json",
        "invalid_request",
        "no_valid_recipient",
    }


async def test_a_record_that_is_too_large_is_answered_or_refused_by_the_broker_and_what_comes_after_is_taken_over(
    room: Room,
) -> None:
    """One below the broker's limit, which is answered, and one of 3 MB, which is small only while it is compressed."""
    account = await room.account()
    room.start()
    async with aiokafka.AIOKafkaProducer(
        bootstrap_servers=room.kafka, max_request_size=5_000_000, compression_type="gzip"
    ) as system:
        answered, refused = (json.dumps({**TEXT, "text": "x" * size}).encode() for size in (1_040_000, 3_000_000))
        await system.send_and_wait(client_requests(account), answered, partition=0)
        with pytest.raises(MessageSizeTooLargeError):
            await system.send_and_wait(client_requests(account), refused, partition=0)
    await room.publish(account, TEXT)
    await room.wait_for(account, 1)
    (answer,) = await room.answers(account, 1)
    assert answer["data"]["offset"] == 0
    assert answer["data"]["problem"]["code"] == "invalid_request"
    assert len(json.dumps(answer)) < 1000


async def test_headers_and_offsets_that_only_a_broker_can_read_are_one_accounts_trouble_alone(room: Room) -> None:
    """Names that are not UTF-8, no value, an offset far beyond the end: the broker takes all of it."""
    poisoned, other = await room.account(), await room.account()
    body = json.dumps(TEXT).encode()
    records = [
        foreign_record(body),
        foreign_record(body, [(b"ce_\xff", b"1")]),
        foreign_record(body, [(b"ce_id", None)]),
        foreign_record(body, offset=b"\xfe\xff\xff\xff\x0f"),
    ]
    process = room.start()
    await room.publish(other, TEXT)
    for record in records:
        await send_foreign(room.kafka, client_requests(poisoned), foreign(record))
    await send_foreign(room.kafka, client_requests(poisoned), foreign(*records))
    await room.publish(poisoned, TEXT)
    await room.wait_for(poisoned, 5)
    answers = await room.answers(poisoned, 4)
    assert sorted(answer["data"]["offset"] for answer in answers) == [1, 2, 5, 6]
    assert {answer["data"]["problem"]["code"] for answer in answers} == {"invalid_request"}
    await room.publish(other, TEXT)
    await room.wait_for(other, 2)
    assert process.running

    async def finished() -> bool:
        return await room.committed(poisoned) == 9

    await wait_until(finished, 20.0, waiting_for="the offset behind all")


async def test_killed_twice_under_way_every_request_is_taken_over_under_one_id(room: Room) -> None:
    account = await room.account()
    count = 3000
    for begin in range(0, count, 500):
        await room.publish(account, *({**TEXT, "text": f"Nr {number}"} for number in range(begin, begin + 500)))
    for least in (1, 1000):
        process = room.start()
        await room.wait_for(account, least)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        await wait_until(lambda process=process: not process.running)  # type: ignore[misc]
        await room.forget_leases()
    room.start()
    found = await room.wait_for(account, count)
    assert len({event.message_id for event in found}) == count


async def test_killed_requests_with_ids_keep_their_ids(room: Room) -> None:
    account = await room.account()
    for number in range(300):
        await room.publish(account, {**TEXT, "text": f"Nr {number}"}, key=f"k-{number}")
    process = room.start()
    before = {event.message_id for event in await room.wait_for(account, 1)}
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    await wait_until(lambda: not process.running)
    await room.forget_leases()
    room.start()
    after = {event.message_id for event in await room.wait_for(account, 300)}
    assert before <= after
    assert len(after) == 300


async def test_an_account_whose_topics_go_and_come_back_holds_nobody_up(room: Room) -> None:
    gone, other = await room.account(), await room.account()
    room.start()
    await room.publish(gone, TEXT, {"bogus": 1})
    await room.wait_for(gone, 1)
    await room.answers(gone, 1)
    admin = AIOKafkaAdminClient(bootstrap_servers=room.kafka)
    await admin.start()
    await admin.delete_topics([client_requests(gone), f"clients.{gone}.events"])
    await room.publish(other, TEXT)
    await room.wait_for(other, 1)
    await wait_until(lambda: '"gone":1' in room.log())

    async def absent() -> bool:
        return not {client_requests(gone), f"clients.{gone}.events"} & set(await admin.list_topics())

    await wait_until(absent)
    await admin.close()
    await room.make_pair(gone)
    await room.publish(gone, TEXT, {"bogus": 2})
    await room.wait_for(gone, 2)
    await room.answers(gone, 1)


async def test_the_broker_may_go_and_come_back(room: Room, secured: Kafka) -> None:
    account = await room.account()
    for begin in range(0, 3000, 500):
        await room.publish(account, *({**TEXT, "text": f"Nr {number}"} for number in range(begin, begin + 500)))
    process = room.start()
    await room.wait_for(account, 1)
    secured.kill()
    secured.start()
    await asyncio.to_thread(secured.wait_ready)
    found = await room.wait_for(account, 3000)
    assert len({event.message_id for event in found}) == 3000
    assert process.running


async def test_a_claim_that_cannot_be_read_is_one_requests_trouble_alone(room: Room) -> None:
    account = await room.account()
    room.start()
    await room.publish(account, TEXT, key="damaged")
    await room.wait_for(account, 1)
    rows = room.store.database.idempotency
    await rows.update_one({"_id": row_id(account, IdempotencyKey("damaged"))}, {"$set": {"body": b"\x01damaged"}})
    await room.publish(account, TEXT, key="damaged")
    await room.publish(account, TEXT, key="another")
    await room.wait_for(account, 2)
    (refusal,) = await room.answers(account, 1)
    assert refusal["data"]["problem"]["code"] == "internal_error"


async def test_a_topic_with_more_partitions_is_read_whole_and_one_without_its_pair_not_at_all(room: Room) -> None:
    wide, half = await room.account(partitions=3), await room.account(pair=False)
    room.start()
    for partition in range(3):
        await room.publish(wide, TEXT, partition=partition)
    await room.wait_for(wide, 3)
    assert await room.asked(half) == []


async def test_a_closed_account_is_not_read_and_a_suspended_one_is_told(room: Room) -> None:
    closed, suspended, other = await room.account(), await room.account(), await room.account()
    await room.close(closed)
    await room.suspend(suspended)
    for account in (closed, suspended, other):
        await room.publish(account, TEXT)
    room.start()
    await room.wait_for(other, 1)
    (refusal,) = await room.answers(suspended, 1)
    assert refusal["data"]["problem"]["code"] == "account_suspended"
    assert await room.asked(closed) == []
    assert await room.asked(suspended) == []


async def test_accounts_that_come_and_change_while_the_role_runs_are_followed(room: Room) -> None:
    room.start()
    await room.ready()
    account = await room.account()
    await room.publish(account, TEXT)
    await room.wait_for(account, 1)
    await room.suspend(account)
    await room.publish(account, TEXT)
    (refusal,) = await room.answers(account, 1)
    assert refusal["data"]["problem"]["code"] == "account_suspended"
    await room.resume(account)
    await room.publish(account, TEXT)
    await room.wait_for(account, 2)
    await room.close(account)
    await wait_until(lambda: '"gone":1' in room.log(), 20.0)
    await room.publish(account, TEXT)
    other = await room.account()
    await room.publish(other, TEXT)
    await room.wait_for(other, 1)
    assert len(await room.asked(account)) == 2
    assert len(await room.answers(account, 1)) == 1


async def test_an_account_beyond_its_limits_waits_and_nobody_with_it(room: Room) -> None:
    """What the slow one published would take it longer than anybody waits here, until its limits are raised."""
    limits = Limits(messages_per_second=1, messages_burst=5)
    slow, quick = await room.account(limits=limits), await room.account()
    await room.publish(slow, *({**TEXT, "text": f"Nr {number}"} for number in range(150)))
    await room.publish(quick, *({**TEXT, "text": f"Nr {number}"} for number in range(200)))
    room.start()
    await room.wait_for(quick, 200)
    assert len(await room.asked(slow)) < 150
    await room.wait_for(slow, 7)
    await room.limit(slow, Limits(messages_per_second=1000))
    assert len(await room.wait_for(slow, 150)) == 150
    assert await room.answers(slow, 0) == []


async def test_a_stop_in_order_leaves_nothing_to_repeat(room: Room) -> None:
    account = await room.account()
    await room.publish(account, TEXT)
    process = room.start()
    await room.wait_for(account, 1)
    process.stop(30.0)
    room.start()
    await room.ready()
    await room.publish(account, {**TEXT, "text": "Nummer to"})
    found = await room.wait_for(account, 2)
    assert len(found) == 2
