"""Processes that die, sleep and wake in the worst moments, and a reader that counts what came of it."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from shared.kafka.record import Output
from tests.integration.kafka.worker import Plan
from tests.support import wait_until
from tests.unit.kafka.behaviour_transactional import numbers
from tests.unit.kafka.kit import Kit

ROOT = Path(__file__).resolve().parents[3]
Start = Callable[..., Awaitable[asyncio.subprocess.Process]]


@pytest.fixture
async def start(kit: Kit) -> AsyncIterator[Start]:
    """Starts worker processes; what is left of them is killed in the end."""
    processes: list[asyncio.subprocess.Process] = []

    async def start(group: str, source: str, target: str, **options: Any) -> asyncio.subprocess.Process:
        plan = Plan(kit.settings.bootstrap, group, source, target, **options)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.integration.kafka.worker",
            msgspec.json.encode(plan).decode(),
            cwd=ROOT,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def fill(kit: Kit, topic: str, partitions: int, count: int) -> None:
    """Write the numbers below `count`, spread over the partitions."""
    sender = await kit.sender()
    for first in range(0, count, 500):
        values = numbers(min(500, count - first), first)
        await sender.send([Output(topic, int(v) % partitions, None, v.encode()) for v in values])


async def progress(kit: Kit, topic: str, least: int) -> None:
    """Wait until a topic holds that many committed records."""

    async def there() -> bool:
        return len(await kit.truth.records(topic)) >= least

    await wait_until(there, 40.0, waiting_for=f"{least} records on {topic}")


@pytest.mark.parametrize("moment", ["before", "during", "after"])
async def test_killed_around_a_commit_everything_passes_exactly_once(kit: Kit, start: Start, moment: str) -> None:
    source, target, group = await kit.topic(2), await kit.topic(2), kit.group()
    await fill(kit, source, 2, 1000)
    first = await start(group, source, target, strike=moment, strike_at=7)
    assert await asyncio.wait_for(first.wait(), 40.0) == -signal.SIGKILL
    await start(group, source, target)
    await kit.until_values(target, numbers(1000), 40.0)
    await kit.until_no_lag(group, source, 2)


async def test_killed_at_random_under_load_everything_passes_exactly_once(kit: Kit, start: Start) -> None:
    source, target, group, random = await kit.topic(3), await kit.topic(3), kit.group(), Random(20)
    count = 4000
    await fill(kit, source, 3, count)
    for life in range(1, 4):
        worker = await start(group, source, target, instance_id="w", max_batch=20)
        await progress(kit, target, life * 600 + random.randrange(300))
        worker.kill()
        await worker.wait()
    await start(group, source, target, instance_id="w")
    await kit.until_values(target, numbers(count), 60.0)
    await kit.until_no_lag(group, source, 3)


async def test_a_worker_that_wakes_up_in_its_transaction_cannot_commit_it(kit: Kit, start: Start) -> None:
    source, target, group = await kit.topic(2), await kit.topic(2), kit.group()
    await fill(kit, source, 2, 1000)
    zombie = await start(group, source, target, strike="before", strike_at=5, strike_with=signal.SIGSTOP)
    await progress(kit, target, 150)
    owner = await start(group, source, target)
    await kit.until_values(target, numbers(1000), 40.0)
    zombie.send_signal(signal.SIGCONT)
    await fill(kit, source, 2, 0)
    sender = await kit.sender()
    await sender.send([Output(source, n % 2, None, str(n).encode()) for n in range(1000, 1400)])
    await kit.until_values(target, numbers(1400), 40.0)
    owner.kill()
    await sender.send([Output(source, n % 2, None, str(n).encode()) for n in range(1400, 1500)])
    await kit.until_values(target, numbers(1500), 40.0)
    await kit.until_no_lag(group, source, 2)
    assert zombie.returncode is None


async def test_asked_to_stop_a_worker_leaves_at_once_and_its_successor_goes_on(kit: Kit, start: Start) -> None:
    source, target, group = await kit.topic(2), await kit.topic(2), kit.group()
    await fill(kit, source, 2, 2000)
    first = await start(group, source, target, max_batch=20)
    await progress(kit, target, 100)
    first.terminate()
    assert await asyncio.wait_for(first.wait(), 15.0) == 0
    await start(group, source, target)
    await kit.until_values(target, numbers(2000), 40.0)


async def test_killed_while_finishing_everything_is_finished_at_least_once(kit: Kit, start: Start) -> None:
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
