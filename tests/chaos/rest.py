"""Whether anything is stuck: groups that have not read their topics to the end, leases that nobody holds."""

from __future__ import annotations

from collections import defaultdict

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from pymongo import AsyncMongoClient


async def lag(bootstrap: str) -> dict[str, int]:
    """Records behind the commit of each group that has some, by the last offset that readers of commits see."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, isolation_level="read_committed")
    await admin.start()
    try:
        await consumer.start()
        committed: dict[str, dict[TopicPartition, int]] = {}
        for group, _ in await admin.list_consumer_groups():
            offsets = await admin.list_consumer_group_offsets(group)
            committed[group] = {place: mark.offset for place, mark in offsets.items() if mark.offset >= 0}
        ends = await consumer.end_offsets(sorted({place for marks in committed.values() for place in marks}))
        behind: dict[str, int] = defaultdict(int)
        for group, marks in committed.items():
            for place, offset in marks.items():
                behind[group] += max(0, ends[place] - offset)
        return {group: count for group, count in behind.items() if count}
    finally:
        await consumer.stop()
        await admin.close()


async def free_leases(mongodb: str) -> list[str]:
    """Topic partitions that no sender holds at the moment, by the database's clock."""
    async with AsyncMongoClient[dict[str, object]](mongodb) as client:
        leases = client["dispatch"]["leases"]
        nobody = {"$or": [{"owner": ""}, {"$expr": {"$lte": ["$expires_at", "$$NOW"]}}]}
        return [str(row["_id"]) async for row in leases.find(nobody)]
