"""Several processes of the role on the real broker and database: each partition has one reader, whatever happens."""

from __future__ import annotations

import asyncio
import os
import signal

from deploy.local.process import Process
from services.ingest.accounts.account import Limits
from shared.ids import AccountId
from tests.integration.ingest.clients.running import TEXT, Room
from tests.support import wait_until

WIDE = 8


async def fill(room: Room, account: AccountId, count: int, first: int = 0) -> None:
    """Requests on all partitions of a wide account."""
    for partition in range(WIDE):
        numbers = range(first + partition, first + count, WIDE)
        await room.publish(account, *({**TEXT, "text": f"Nr {number}"} for number in numbers), partition=partition)


async def pair_of_processes(room: Room) -> tuple[Process, Process]:
    """Two that have come to an agreement."""
    one, other = room.start(), room.start()
    await room.shared_by(one, other)
    return one, other


def send(process: Process, number: signal.Signals) -> None:
    assert process.pid is not None
    os.kill(process.pid, number)


async def test_two_share_the_partitions_and_nothing_is_taken_over_twice(room: Room) -> None:
    account = await room.account(partitions=WIDE)
    await fill(room, account, 400)
    one = room.start()
    await room.wait_for(account, 1)
    other = room.start()  # comes while the first is at work
    for begin in range(400, 2000, 400):
        await fill(room, account, 400, begin)
    await room.shared_by(one, other)
    readers = {await room.reader_of(account, partition) for partition in range(WIDE)}
    assert readers == {one, other}
    await fill(room, account, 400, 2000)
    found = await room.wait_for(account, 2400)
    assert len(found) == len({event.message_id for event in found}) == 2400


async def test_when_one_is_killed_the_other_takes_over_and_nothing_is_lost(room: Room) -> None:
    account = await room.account(partitions=WIDE)
    one, other = await pair_of_processes(room)
    await fill(room, account, 1600)
    await room.wait_for(account, 1)
    one.kill()
    await fill(room, account, 800, 1600)
    found = await room.wait_for(account, 2400)
    assert len({event.message_id for event in found}) == 2400
    await room.shared_by(other)


async def test_one_that_stops_in_order_hands_over_without_a_repeat(room: Room) -> None:
    account = await room.account(partitions=WIDE)
    one, other = await pair_of_processes(room)
    await fill(room, account, 1600)
    await room.wait_for(account, 1)
    await asyncio.to_thread(one.stop, 30.0)
    assert one.exit_code == 0
    await fill(room, account, 800, 1600)
    found = await room.wait_for(account, 2400)
    assert len(found) == 2400
    await room.shared_by(other)


async def test_one_that_slept_beyond_its_lease_does_nothing_with_what_it_had_in_its_hands(room: Room) -> None:
    account = await room.account(limits=Limits(messages_per_second=1, messages_burst=1))
    one, other = await pair_of_processes(room)
    await room.publish(account, {**TEXT, "to": [f"+47900000{number}" for number in range(10, 20)]})
    await room.publish(account, *({**TEXT, "text": f"Nr {number}"} for number in range(40)))

    async def done(count: int) -> bool:
        return await room.committed(account) == count

    await wait_until(lambda: done(1), 40.0, waiting_for="the first request")
    sleeper = await room.reader_of(account)
    heir = other if sleeper is one else one
    send(sleeper, signal.SIGSTOP)  # with the other requests in its memory: the first one was above the limits
    try:
        await room.suspend(account)
        await room.shared_by(heir)
        await wait_until(lambda: done(41), 40.0, waiting_for="the heir to see to all requests")
        taken, refused = await room.asked(account), await room.answers(account, 40)
        assert (len(taken), len(refused)) == (10, 40)
        assert {refusal["data"]["problem"]["code"] for refusal in refused} == {"account_suspended"}
    finally:
        send(sleeper, signal.SIGCONT)
    await wait_until(lambda: "client_shares_lost" in room.log(sleeper), 20.0)
    await room.shared_by(one, other)
    later = await room.account(partitions=WIDE)
    await fill(room, later, 80)
    await room.wait_for(later, 80)
    assert sleeper.running
    assert await room.asked(account) == taken
    assert await room.answers(account, 1) == refused
    assert await done(41)


async def test_one_that_slept_with_the_lease_of_nobody_else_goes_on_without_a_repeat(room: Room) -> None:
    account = await room.account()
    alone = room.start()
    await room.publish(account, TEXT)
    await room.wait_for(account, 1)
    await wait_until(lambda: alone.running)
    send(alone, signal.SIGSTOP)
    try:
        await room.publish(account, {**TEXT, "text": "Nummer to"})

        async def expired() -> bool:
            over = {"$expr": {"$gt": ["$expires_at", "$$NOW"]}}
            return await room.store.database.client_shares.count_documents(over) == 0

        await wait_until(expired, 30.0, waiting_for="the end of the leases")
    finally:
        send(alone, signal.SIGCONT)
    found = await room.wait_for(account, 2)
    assert len(found) == 2
    await room.shared_by(alone)
