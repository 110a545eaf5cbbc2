"""Straight onto Kafka: requests out, events in. Needs the extra `kafka`."""

from __future__ import annotations

import json
import ssl
import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Any

import aiokafka

from budstikke_client.calls import renamed
from budstikke_client.models import Event

_MECHANISM = "SCRAM-SHA-512"


def _options(bootstrap: str, user: str, password: str, tls: ssl.SSLContext | None) -> dict[str, Any]:
    return {
        "bootstrap_servers": bootstrap.split(","),
        "security_protocol": "SASL_PLAINTEXT" if tls is None else "SASL_SSL",
        "ssl_context": tls,
        "sasl_mechanism": _MECHANISM,
        "sasl_plain_username": user,
        "sasl_plain_password": password,
    }


class Publisher:
    """Publishes requests of one account. An async context manager."""

    def __init__(
        self, bootstrap: str, *, account: str, user: str, password: str, tls: ssl.SSLContext | None = None
    ) -> None:
        self._topic = f"clients.{account}.requests"
        self._options = _options(bootstrap, user, password, tls)
        self._producer: aiokafka.AIOKafkaProducer | None = None

    async def __aenter__(self) -> Publisher:
        producer = aiokafka.AIOKafkaProducer(**self._options, acks="all", enable_idempotence=True, linger_ms=2)
        self._producer = producer
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._producer is not None:
            await self._producer.stop()
            self._producer = None

    async def send(self, to: str | Sequence[str], text: str, *, request_id: str | None = None, **fields: Any) -> str:
        """Publish a request, and return its id once the broker has it for certain.

        `fields` are those of `POST /v1/messages`, with `sender` for `from`. The same id within 72 hours is the same
        request: repeat a failed call with it.
        """
        if self._producer is None:
            raise RuntimeError("use the publisher as a context manager")
        own = request_id or uuid.uuid4().hex
        body = {"to": to if isinstance(to, str) else list(to), "text": text, **renamed(fields)}
        headers = [("ce_id", own.encode()), ("content-type", b"application/json")]
        value = json.dumps(body, ensure_ascii=False).encode()
        await self._producer.send_and_wait(self._topic, value, key=own.encode(), headers=headers)
        return own


class EventReader:
    """Reads the events of one account, from where `group` last committed. An async context manager and iterator.

    An event counts as read with the next `commit`; without, it comes again after a restart.
    """

    def __init__(
        self,
        bootstrap: str,
        *,
        account: str,
        user: str,
        password: str,
        group: str,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`group` is a name of yours: several processes with the same one share the events."""
        self._topic = f"clients.{account}.events"
        self._options = {
            **_options(bootstrap, user, password, tls),
            "group_id": f"{user}.{group}",
            "enable_auto_commit": False,
            "auto_offset_reset": "earliest",
        }
        self._connected: aiokafka.AIOKafkaConsumer | None = None

    async def __aenter__(self) -> EventReader:
        consumer = aiokafka.AIOKafkaConsumer(self._topic, **self._options)
        self._connected = consumer
        try:
            await consumer.start()
        except BaseException:
            await consumer.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._connected is not None:
            await self._connected.stop()
            self._connected = None

    async def __aiter__(self) -> AsyncIterator[Event]:
        async for record in self._reader:
            yield Event.of(json.loads(record.value))

    async def commit(self) -> None:
        """All events so far are dealt with."""
        await self._reader.commit()

    @property
    def _reader(self) -> aiokafka.AIOKafkaConsumer:
        if self._connected is None:
            raise RuntimeError("use the reader as a context manager")
        return self._connected
