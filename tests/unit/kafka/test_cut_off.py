"""What the library does when its connection is gone in the midst of something, or it is cut off while it closes."""

from __future__ import annotations

import asyncio

import aiokafka
import pytest
import uvloop
from aiokafka.consumer.group_coordinator import NoGroupCoordinator

from shared.errors import TryLater
from shared.kafka.aio.consumer import AioConsumer
from shared.kafka.aio.errors import translated
from shared.kafka.settings import KafkaSettings


def test_a_write_to_a_connection_that_is_gone_asks_for_patience() -> None:
    async def write() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
        transport, _ = await loop.create_connection(asyncio.Protocol, *server.sockets[0].getsockname())
        transport.abort()
        await asyncio.sleep(0)
        server.close()
        with pytest.raises(TryLater, match="the handler is closed"), translated("find the end of partitions"):
            transport.write(b"octets")

    uvloop.run(write())


async def test_another_runtime_error_is_none_of_the_connections() -> None:
    with pytest.raises(RuntimeError, match="a fault of ours"), translated("poll"):
        raise RuntimeError("a fault of ours")


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
