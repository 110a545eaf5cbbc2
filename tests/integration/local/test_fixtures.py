"""The fixtures give servers that answer."""

from __future__ import annotations

import redis.asyncio
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from pymongo import AsyncMongoClient


async def test_kafka_takes_a_record(kafka: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.create_topics([NewTopic("fixtures", 1, 1)])
    await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=kafka, acks="all") as producer:
        taken = await producer.send_and_wait("fixtures", b"x")
    assert taken.offset == 0


async def test_mongodb_has_transactions(mongodb: str) -> None:
    async with AsyncMongoClient[dict[str, int]](mongodb) as client, client.start_session() as session:
        async with await session.start_transaction():
            await client["fixtures"]["rows"].insert_one({"_id": 1}, session=session)
        assert await client["fixtures"]["rows"].count_documents({}) == 1


async def test_valkey_keeps_a_key(valkey: str) -> None:
    async with redis.asyncio.Redis.from_url(valkey) as client:
        await client.set("fixtures", "1")
        assert await client.get("fixtures") == b"1"
