"""What the library does when its connection is gone in the midst of something, or it is cut off while it closes."""

from __future__ import annotations

import asyncio
from typing import cast

import aiokafka
import pytest
import uvloop
from aiokafka.conn import AIOKafkaConnection
from aiokafka.consumer.group_coordinator import NoGroupCoordinator
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.admin import ApiVersionRequest

from shared.kafka.aio import AioCluster
from shared.kafka.aio.consumer import AioConsumer
from shared.kafka.settings import KafkaSettings


class Broker(asyncio.Protocol):
    """Answers the one question that a connection begins with: it knows no requests."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        correlation_id = data[8:12]
        self._transport.write((10).to_bytes(4) + correlation_id + bytes(6))


def test_a_write_to_a_connection_that_is_gone_breaks_it() -> None:
    async def write() -> None:
        AioCluster(KafkaSettings(bootstrap="127.0.0.1:1"))
        server = await asyncio.get_running_loop().create_server(Broker, "127.0.0.1", 0)
        connection = AIOKafkaConnection(*server.sockets[0].getsockname(), request_timeout_ms=2_000)
        await connection.connect()
        try:
            connection._writer.transport.abort()
            await asyncio.sleep(0)  # the transport knows it now, and who reads from it does not yet
            with pytest.raises(KafkaConnectionError, match="the handler is closed"):
                await connection.send(ApiVersionRequest())
            assert not connection.connected()
        finally:
            connection.close()
            server.close()

    uvloop.run(write())


async def test_a_reader_without_group_is_closed_also_when_that_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    library = aiokafka.AIOKafkaConsumer(bootstrap_servers="127.0.0.1:1")
    library._closed = True  # it is never connected
    coordinator = NoGroupCoordinator(library._client, library._subscription)
    task = coordinator._reset_committed_task
    monkeypatch.setattr(library, "_coordinator", coordinator)
    monkeypatch.setattr(library, "stop", asyncio.Event().wait)
    consumer = AioConsumer(KafkaSettings(bootstrap="127.0.0.1:1"), None, "range", None)
    consumer._connected = library

    await consumer.close(0.01)

    assert task.done()
