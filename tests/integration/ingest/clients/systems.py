"""A client system at the broker's door, with the library that many of them use."""

from __future__ import annotations

from typing import Any

import aiokafka
import msgspec


class ClientSystem(msgspec.Struct, frozen=True):
    """One user of the listener for client systems."""

    bootstrap: str
    user: str
    password: str

    def with_password(self, password: str) -> ClientSystem:
        """The same user with another password."""
        return msgspec.structs.replace(self, password=password)

    @property
    def options(self) -> dict[str, Any]:
        """Arguments of any aiokafka client."""
        return {
            "bootstrap_servers": self.bootstrap,
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": self.user,
            "sasl_plain_password": self.password,
        }

    async def write(self, topic: str, *values: bytes | None, headers: list[tuple[str, bytes]] | None = None) -> None:
        """Write, acknowledged."""
        producer = aiokafka.AIOKafkaProducer(**self.options, acks="all", enable_idempotence=True)
        try:
            await producer.start()
            for value in values:
                await producer.send_and_wait(topic, value, headers=headers or [])
        finally:
            await producer.stop()

    async def read(self, topic: str, group: str, count: int, seconds: float = 20.0) -> list[bytes | None]:
        """The values of the first records that a new group finds."""
        consumer = aiokafka.AIOKafkaConsumer(topic, **self.options, group_id=group, auto_offset_reset="earliest")
        values: list[bytes | None] = []
        try:
            await consumer.start()
            while len(values) < count:
                found = await consumer.getmany(timeout_ms=int(seconds * 1000))
                assert found, f"{len(values)} of {count} records in {topic}"
                values += [record.value for records in found.values() for record in records]
        finally:
            await consumer.stop()
        return values
