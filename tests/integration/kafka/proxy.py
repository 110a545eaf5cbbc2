"""A proxy between clients and a one-node broker on this machine, which may delay, hold back or cut off any answer.

It follows the frames of the protocol: it knows of each answer to which request it belongs, and puts its own port
where the broker names itself, so that no client goes past it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from enum import IntEnum
from struct import Struct

from shared.listening import end_listening
from shared.tasks import end

Hook = Callable[["Api | int"], Awaitable[None]]

_SIZE = Struct(">i")
_REQUEST = Struct(">hhi")  # api key, api version, correlation id
_ANSWER = Struct(">i")  # correlation id
_HOST = "127.0.0.1"


class Api(IntEnum):
    """Requests of the protocol that the attacks tell apart."""

    PRODUCE = 0
    METADATA = 3
    OFFSET_COMMIT = 8
    OFFSET_FETCH = 9
    FIND_COORDINATOR = 10
    JOIN_GROUP = 11
    HEARTBEAT = 12
    SYNC_GROUP = 14
    INIT_PRODUCER_ID = 22
    ADD_PARTITIONS_TO_TXN = 24
    ADD_OFFSETS_TO_TXN = 25
    END_TXN = 26
    TXN_OFFSET_COMMIT = 28


COORDINATORS = frozenset(Api) - {Api.PRODUCE, Api.METADATA}
"""What the coordinators of groups and transactions answer."""


class Cut(Exception):
    """Raised by a hook: close this connection, here and now."""


async def _passes(api: Api | int) -> None:
    """Nothing happens."""


class Proxy:
    """`before_request` is awaited before a request goes to the broker, `before_answer` before its answer goes back:
    the broker has then done what was asked. Both may wait, for ever if they like, or raise `Cut`.
    """

    def __init__(self, broker: str) -> None:
        self._broker_port = int(broker.rpartition(":")[2])
        self._server: asyncio.Server | None = None
        self._port = 0
        self._links: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        self.before_request: Hook = _passes
        self.before_answer: Hook = _passes

    @property
    def bootstrap(self) -> str:
        return f"{_HOST}:{self._port}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, _HOST, 0)
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        await end_listening(self._server)
        await end(*self._links)
        await self._server.wait_closed()
        await asyncio.gather(*(_closed(writer) for writer in self._writers))

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        link = asyncio.create_task(self._link(reader, writer))
        self._links.add(link)
        link.add_done_callback(self._links.discard)

    async def _link(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        """One connection, until either side closes it or a hook cuts it."""
        pumps: list[asyncio.Task[None]] = []
        broker, to_broker = await asyncio.open_connection(_HOST, self._broker_port)
        self._writers.append(to_broker)
        asked: dict[int, Api | int] = {}
        with suppress(OSError):
            try:
                pumps = [
                    asyncio.create_task(self._requests(client, to_broker, asked)),
                    asyncio.create_task(self._answers(broker, to_client, asked)),
                ]
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                await end(*pumps)
                for writer in (to_client, to_broker):
                    writer.transport.abort()

    async def _requests(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: dict[int, Api | int]
    ) -> None:
        with suppress(Cut, OSError, asyncio.IncompleteReadError):
            while True:
                frame = await _frame(reader)
                key, _, correlation = _REQUEST.unpack_from(frame)
                api = Api(key) if key in Api._value2member_map_ else key
                await self.before_request(api)
                asked[correlation] = api
                await _pass_on(writer, frame)

    async def _answers(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: dict[int, Api | int]
    ) -> None:
        with suppress(Cut, OSError, asyncio.IncompleteReadError):
            while True:
                frame = await _frame(reader)
                api = asked.pop(_ANSWER.unpack_from(frame)[0])
                await self.before_answer(api)
                if api in (Api.METADATA, Api.FIND_COORDINATOR):
                    frame = frame.replace(_address(self._broker_port), _address(self._port))
                await _pass_on(writer, frame)


async def _frame(reader: asyncio.StreamReader) -> bytes:
    return await reader.readexactly(_SIZE.unpack(await reader.readexactly(_SIZE.size))[0])


async def _pass_on(writer: asyncio.StreamWriter, frame: bytes) -> None:
    writer.write(_SIZE.pack(len(frame)) + frame)
    await writer.drain()


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    with suppress(OSError):
        await writer.wait_closed()


def _address(port: int) -> bytes:
    """A broker's address as the protocol's older versions write it: a string with its length, and the port."""
    return len(_HOST).to_bytes(2) + _HOST.encode() + port.to_bytes(4)
