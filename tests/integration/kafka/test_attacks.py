"""Processes that die, sleep and wake in the worst moments, and a reader that counts what came of it."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from functools import partial
from random import Random

import pytest

from shared.kafka.record import Output
from tests.integration.kafka.attacking import Note, Start, fill, has_members, progress
from tests.support import wait_until
from tests.unit.kafka.behaviour_transactional import numbers
from tests.unit.kafka.kit import Kit


@pytest.mark.parametrize("moment", ["before", "during", "after"])
async def test_killed_around_a_commit_everything_passes_exactly_once(kit: Kit, start: Start, moment: str) -> None:
    """kill -9 of a worker right before its commit, while the commit is on its way, right after it.

    Holds: each record exactly once.
    """
    source, target, group = await kit.topic(2), await kit.topic(2), kit.group()
    await fill(kit, source, 2, 1000)
    first = await start(group, source, target, strike=moment, strike_at=7)
    assert await asyncio.wait_for(first.wait(), 40.0) == -signal.SIGKILL
    await start(group, source, target)
    await kit.until_values(target, numbers(1000), 40.0)
    await kit.until_no_lag(group, source, 2)


async def test_killed_in_mid_transaction_four_times_in_20_000_records(
    kit: Kit, start: Start, record_property: Note
) -> None:
    """kill -9 in mid-transaction, four times in 20,000 records: outputs and offset written, the commit not yet sent.

    Holds: each record exactly once for readers of committed records, in the order of its partition.
    """
    source, target, group, random = await kit.topic(4), await kit.topic(4), kit.group(), Random(20)
    count = 20_000
    await fill(kit, source, 4, count)
    for _ in range(4):
        at = random.randrange(5, 40)
        worker = await start(group, source, target, instance_id="w", max_batch=100, strike="before", strike_at=at)
        assert await asyncio.wait_for(worker.wait(), 40.0) == -signal.SIGKILL
    await start(group, source, target, instance_id="w", max_batch=500)
    await kit.until_values(target, numbers(count), 60.0)
    await kit.until_no_lag(group, source, 4)
    for partition in range(4):
        passed = [int(r.value or b"") for r in await kit.truth.records(target) if r.partition == partition]
        assert passed == sorted(passed)
    record_property("figure", f"{count:,} of {count:,} exactly once")


async def test_a_worker_that_wakes_up_in_its_transaction_cannot_commit_it(kit: Kit, start: Start) -> None:
    """SIGSTOP in mid-transaction beyond the session timeout; it wakes when another owns its partitions and commits.

    Holds: its commit is refused, nothing is there twice, and it works on as a member.
    """
    source, target, group = await kit.topic(2), await kit.topic(2), kit.group()
    await fill(kit, source, 2, 1000)
    zombie = await start(group, source, target, strike="before", strike_at=5, strike_with=signal.SIGSTOP)
    await progress(kit, target, 150)
    owner = await start(group, source, target)
    await kit.until_values(target, numbers(1000), 40.0)
    zombie.send_signal(signal.SIGCONT)
    await fill(kit, source, 2, 400, 1000)
    await kit.until_values(target, numbers(1400), 40.0)
    owner.kill()
    await fill(kit, source, 2, 100, 1400)
    await kit.until_values(target, numbers(1500), 40.0)
    await kit.until_no_lag(group, source, 2)
    assert zombie.returncode is None


async def test_asked_to_stop_a_worker_leaves_at_once_and_its_successor_goes_on(kit: Kit, start: Start) -> None:
    """SIGTERM in the middle of the work.

    Holds: the worker ends with 0 within its deadline; each record exactly once.
    """
    source, target, group = await kit.topic(2), await kit.topic(2), kit.group()
    await fill(kit, source, 2, 2000)
    first = await start(group, source, target, max_batch=20)
    await progress(kit, target, 100)
    first.terminate()
    assert await asyncio.wait_for(first.wait(), 15.0) == 0
    await start(group, source, target)
    await kit.until_values(target, numbers(2000), 40.0)


async def test_killed_while_finishing_everything_is_finished_at_least_once(kit: Kit, start: Start) -> None:
    """kill -9 of an at-least-once worker, three times in 4,000 records.

    Holds: every record is finished, and the offset ends behind the last one.
    """
    source, target, group, random = await kit.topic(3), await kit.topic(3), kit.group(), Random(21)
    count = 4000
    await fill(kit, source, 3, count)
    for life in range(1, 4):
        worker = await start(group, source, target, exactly_once=False, instance_id="w", max_batch=20)
        await progress(kit, target, life * 300 + random.randrange(200))
        worker.kill()
        await worker.wait()
    await start(group, source, target, exactly_once=False, instance_id="w")
    await kit.until_no_lag(group, source, 3)
    assert set(await kit.values(target)) == set(numbers(count))


async def test_an_at_least_once_worker_that_wakes_up_takes_nothing_back(
    kit: Kit, start: Start, record_property: Note
) -> None:
    """SIGSTOP of an at-least-once worker for longer than the session timeout; it wakes and commits its old offsets.

    Holds: the group refuses them; every record is finished; repeated is at most what the sleeper held.
    """
    source, target, group = await kit.topic(2), await kit.topic(2), kit.group()
    await fill(kit, source, 2, 2000)
    zombie = await start(group, source, target, exactly_once=False, max_batch=20)
    await progress(kit, target, 200)
    zombie.send_signal(signal.SIGSTOP)
    await start(group, source, target, exactly_once=False)
    await kit.until_no_lag(group, source, 2)
    before = Counter(await kit.values(target))
    zombie.send_signal(signal.SIGCONT)
    await fill(kit, source, 2, 1000, 2000)
    await kit.until_no_lag(group, source, 2)
    found = Counter(await kit.values(target))
    assert found.keys() == set(numbers(3000))
    repeated = found - before - Counter(numbers(1000, 2000))
    assert repeated.total() <= 140  # what the sleeper had in its hands (20) and in its backlog (at most 120)
    assert zombie.returncode is None
    record_property("figure", f"3,000 finished, {repeated.total()} repeated")


async def test_two_then_three_then_one_member_under_load(kit: Kit, start: Start, record_property: Note) -> None:
    """Two members, then three, then one, while 12 keys are written to: two of the three are killed by kill -9.

    Holds: each record exactly once; each key's records in the order in which they were written.
    """
    source, target, group, keys = await kit.topic(4), await kit.topic(4), kit.group(), 12
    sender, written, writing = await kit.sender(), 0, True

    async def write() -> None:
        nonlocal written
        while writing:
            outputs = [
                Output(source, n % keys % 4, f"k{n % keys}".encode(), str(n).encode())
                for n in range(written, written + 60)
            ]
            await sender.send(outputs)
            written += 60
            await asyncio.sleep(0.02)

    members = [await start(group, source, target, max_batch=50) for _ in range(2)]
    writer = asyncio.create_task(write())
    await wait_until(partial(has_members, kit, group, 2), 40.0)
    await progress(kit, target, 600)
    members.append(await start(group, source, target, max_batch=50))
    await wait_until(partial(has_members, kit, group, 3), 40.0)
    await progress(kit, target, written)
    for victim in members[:2]:
        victim.kill()
    await wait_until(partial(has_members, kit, group, 1), 40.0)
    await progress(kit, target, written)
    writing = False
    await writer
    await kit.until_values(target, numbers(written), 40.0)
    await kit.until_no_lag(group, source, 4)
    passed: dict[bytes | None, list[int]] = {}
    for record in await kit.truth.records(target):
        passed.setdefault(record.key, []).append(int(record.value or b""))
    assert len(passed) == keys
    assert all(values == sorted(values) for values in passed.values())
    record_property("figure", f"{written:,} of {written:,} exactly once")
