"""The catalogue's topics on a broker that other tests have used: made anew, with nothing in them and no offsets."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from aiokafka.admin import AIOKafkaAdminClient

from shared.kafka.settings import KafkaSettings
from shared.kafka.topics import TopicSpec, create
from tests.support import wait_until


async def fresh(connection: KafkaSettings, specs: Sequence[TopicSpec]) -> None:
    """Delete those of these topics that exist, wait until the groups' offsets on them are gone too, create all."""
    names = {spec.name for spec in specs}
    admin = AIOKafkaAdminClient(bootstrap_servers=connection.bootstrap)
    await admin.start()
    try:
        if old := names & set(await admin.list_topics()):
            await admin.delete_topics(sorted(old))

            async def forgotten() -> bool:
                return not old & set(await admin.list_topics()) and not await _with_offsets(admin, old)

            await wait_until(forgotten, 30.0, waiting_for=f"the end of {len(old)} topics and of the offsets on them")
    finally:
        await admin.close()
    await create(connection, specs)


async def _with_offsets(admin: AIOKafkaAdminClient, topics: Collection[str]) -> list[str]:
    """Groups that have committed on one of the topics."""
    return [
        group
        for group, _ in await admin.list_consumer_groups()
        if any(place.topic in topics for place in await admin.list_consumer_group_offsets(group))
    ]
