"""What the attacks have in common: topics full of numbers, and waiting for what becomes of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiokafka.admin import AIOKafkaAdminClient

from shared.kafka.record import Output
from tests.support import wait_until
from tests.unit.kafka.behaviour_transactional import numbers
from tests.unit.kafka.kit import Kit

Note = Callable[[str, object], None]
"""pytest's `record_property`: what is noted as `figure` stands in the table of attacks."""

Start = Callable[..., Awaitable[asyncio.subprocess.Process]]
"""Starts a worker: group, source, target and the other fields of `worker.Plan`."""


async def fill(kit: Kit, topic: str, partitions: int, count: int, start: int = 0) -> None:
    """Write `count` numbers from `start` on, spread over the partitions."""
    sender = await kit.sender()
    for first in range(start, start + count, 500):
        values = numbers(min(500, start + count - first), first)
        await sender.send([Output(topic, int(v) % partitions, None, v.encode()) for v in values])


async def progress(kit: Kit, topic: str, least: int) -> None:
    """Wait until a topic reaches that many committed records."""

    async def there() -> bool:
        return len(await kit.truth.records(topic)) >= least

    await wait_until(there, 40.0, waiting_for=f"{least} records on {topic}")


async def has_members(kit: Kit, group: str, count: int) -> bool:
    """Whether the coordinator counts that many members, all of them with their partitions."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kit.settings.bootstrap)
    await admin.start()
    try:
        ((_, _, state, _, _, members, *_),) = (await admin.describe_consumer_groups([group]))[0].groups
    finally:
        await admin.close()
    return state == "Stable" and len(members) == count
