"""Whether anything is stuck or still to come: groups that have not read their topics to the end, leases that nobody
holds, attempts that may yet be made again.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

_STAGES: Final = (
    "ingest.screening",
    "dispatch.router",
    "dispatch.sender",
    "dlr.status",
    "dlr.webhooks",
    "billing.usage",
)
"""With what the names of their groups begin. Each message passes all of them."""


async def unrest(kafka: str, mongodb: str) -> list[str]:
    """Everything that is not at rest, in words; nothing once no part can be sent and no event be told any more."""
    async with AsyncMongoClient[dict[str, object]](mongodb) as client:
        dispatch, behind = client["dispatch"], await lag(kafka)
        return [
            *(f"{stage} has read nothing" for stage in _STAGES if not any(each.startswith(stage) for each in behind)),
            *(f"{group} is {count} behind" for group, count in behind.items() if count),
            *(f"no owner: {lease}" for lease in await free_leases(dispatch)),
            *(f"{count} attempts {what}" for what, count in (await open_attempts(dispatch)).items() if count),
        ]


async def lag(bootstrap: str) -> dict[str, int]:
    """Records that each group is behind, by its commits and the last offset that readers of commits see. A group that
    has committed in one partition of a topic reads them all.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, isolation_level="read_committed")
    await admin.start()
    try:
        await consumer.start()
        committed: dict[str, dict[TopicPartition, int]] = {}
        for group, _ in await admin.list_consumer_groups():
            offsets = await admin.list_consumer_group_offsets(group)
            committed[group] = {place: mark.offset for place, mark in offsets.items() if mark.offset >= 0}
        read = sorted({place.topic for marks in committed.values() for place in marks})
        places: dict[str, list[TopicPartition]] = {
            topic["topic"]: [TopicPartition(topic["topic"], each["partition"]) for each in topic["partitions"]]
            for topic in (await admin.describe_topics(read) if read else ())
        }
        every = [place for of_topic in places.values() for place in of_topic]
        ends, begins = await consumer.end_offsets(every), await consumer.beginning_offsets(every)
        behind: dict[str, int] = defaultdict(int)
        for group, marks in committed.items():
            for place in (place for topic in {mark.topic for mark in marks} for place in places[topic]):
                behind[group] += max(0, ends[place] - marks.get(place, begins[place]))
        return behind
    finally:
        await consumer.stop()
        await admin.close()


async def free_leases(dispatch: AsyncDatabase[dict[str, object]]) -> list[str]:
    """Topic partitions that no sender holds at the moment, by the database's clock."""
    nobody = {"$or": [{"owner": ""}, {"$expr": {"$lte": ["$expires_at", "$$NOW"]}}]}
    return [str(row["_id"]) async for row in dispatch["leases"].find(nobody)]


async def open_attempts(dispatch: AsyncDatabase[dict[str, object]]) -> dict[str, int]:
    """Attempts that nobody knows the outcome of, and those that have none on record."""
    intents = {row["_id"] async for row in dispatch["intents"].find({}, {"_id": 1})}
    ended = {row["_id"] async for row in dispatch["outcomes"].find({}, {"_id": 1})}
    return {
        "unknown": await dispatch["unknowns"].count_documents({}),
        "without an outcome": len(intents - ended),
    }


async def charged(mongodb: str) -> dict[str, int]:
    """Parts that the usage ledger has of each message."""
    async with AsyncMongoClient[dict[str, Any]](mongodb) as client:
        parts: dict[str, int] = defaultdict(int)
        async for row in client["billing"]["usage"].find({}, {"parts": 1}):
            parts[row["_id"].partition(":")[0]] += row["parts"]
        return parts
