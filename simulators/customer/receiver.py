"""A customer's webhook receiver, on bare sockets so that it can break every rule of HTTP."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Mapping
from typing import Final, cast

import httptools
import msgspec

from shared.errors import BadSettings
from shared.lifecycle import Health
from shared.listening import end_listening
from simulators.customer.behaviour import GOOD, Behaviour, Manner, response

_CHUNK: Final = b"1000\r\n" + b"o" * 0x1000 + b"\r\n"


class Delivery(msgspec.Struct, frozen=True):
    """One request as it came, numbered from 1."""

    number: int
    connection: int
    path: str
    headers: Mapping[str, str]
    body: bytes


class Receiver:
    """Takes requests and behaves as told: by `behaviour`, or by `paths` for single paths (without query)."""

    def __init__(self, port: int = 0, *, tls: ssl.SSLContext | None = None, keep: int = 100_000) -> None:
        self.name = "customer"
        self.port = port
        self.behaviour = GOOD
        self.paths: dict[str, Behaviour] = {}
        self.deliveries: deque[Delivery] = deque(maxlen=keep)
        self.count = 0
        self.connections = 0
        self.open: set[_Peer] = set()
        self._tls = tls
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen. Raises `BadSettings` when the port cannot be had."""
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(lambda: _Peer(self), "127.0.0.1", self.port, ssl=self._tls)
        except OSError as error:
            raise BadSettings("port_unavailable", f"port {self.port} cannot be bound ({error.strerror})") from None
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self, deadline: float) -> None:
        """Close everything."""
        if self._server is not None:
            await end_listening(self._server)
            for peer in list(self.open):
                peer.drop()
            async with asyncio.timeout(deadline):
                await self._server.wait_closed()
            self._server = None

    async def wait(self) -> None:
        """A server never ends by itself; wait for ever."""
        await asyncio.Event().wait()

    def health(self) -> Health:
        """Ready while it listens."""
        return Health(ready=self._server is not None, reason="" if self._server else "not listening")

    def take(self, connection: int, path: str, headers: Mapping[str, str], body: bytes) -> Behaviour:
        """Remember a request; how to answer it."""
        self.count += 1
        self.deliveries.append(Delivery(self.count, connection, path, headers, body))
        plain = path.partition("?")[0]
        behaviour = self.paths.get(plain, self.behaviour)
        if behaviour.times is not None:
            left = msgspec.structs.replace(behaviour, times=behaviour.times - 1) if behaviour.times > 1 else GOOD
            if plain in self.paths:
                self.paths[plain] = left
            else:
                self.behaviour = left
        return behaviour


class _Peer(asyncio.Protocol):
    """One connection."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._number = 0
        self._path = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def drop(self) -> None:
        """Reset it."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._receiver.connections += 1
        self._number = self._receiver.connections
        self._receiver.open.add(self)

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - why makes no difference
        self._receiver.open.discard(self)
        for task in self._tasks:
            task.cancel()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.drop()

    def on_message_begin(self) -> None:
        self._path, self._headers, self._body = b"", {}, []

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        behaviour = self._receiver.take(self._number, self._path.decode("latin-1"), self._headers, b"".join(self._body))
        if behaviour.delay_ms or behaviour.manner in _TAKING_TIME:
            task = asyncio.get_running_loop().create_task(self._behave(behaviour))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            self._at_once(behaviour)

    async def _behave(self, behaviour: Behaviour) -> None:
        pause = behaviour.delay_ms / 1000
        head, body = response(behaviour)
        match behaviour.manner:
            case Manner.SLOW_HEAD:
                await self._drip(head + body, max(pause, 0.001))
            case Manner.SLOW_BODY:
                self._write(head)
                await self._drip(body, max(pause, 0.001))
            case Manner.ENDLESS:
                self._write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
                while True:
                    self._write(_CHUNK)
                    await asyncio.sleep(0.001)
            case Manner.ENDLESS_HEAD:
                self._write(b"HTTP/1.1 200 OK\r\n")
                while True:
                    self._write(b"x-more: " + b"o" * 1000 + b"\r\n")
                    await asyncio.sleep(0.001)
            case _:
                await asyncio.sleep(pause)
                self._at_once(behaviour)

    def _at_once(self, behaviour: Behaviour) -> None:
        transport = cast("asyncio.Transport", self._transport)
        head, body = response(behaviour)
        match behaviour.manner:
            case Manner.HANG:
                return
            case Manner.CLOSE:
                transport.close()
            case Manner.RESET:
                transport.abort()
            case Manner.GARBAGE:
                self._write(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
            case Manner.TWICE:
                self._write((head + body) * 2)
            case Manner.HTTP_1_0:
                self._write(head + body)
                transport.close()
            case Manner.EARLY_HINTS:
                self._write(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" + head + body)
            case Manner.UPGRADE:
                self._write(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n")
            case _:
                self._write(head + body)
                if behaviour.close or behaviour.close_unasked:
                    transport.close()

    async def _drip(self, octets: bytes, pause: float) -> None:
        for octet in octets:
            self._write(bytes([octet]))
            await asyncio.sleep(pause)

    def _write(self, octets: bytes) -> None:
        transport = cast("asyncio.Transport", self._transport)
        if not transport.is_closing():
            transport.write(octets)


_TAKING_TIME: Final = frozenset({Manner.SLOW_HEAD, Manner.SLOW_BODY, Manner.ENDLESS, Manner.ENDLESS_HEAD})
