"""Servers that close while connections come, in whatever turn of the loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from shared.http import HttpServer
from shared.smpp.server import serve
from simulators.customer.receiver import Receiver
from tests.support import wait_until

Ended = Callable[[int], Awaitable[None]]


async def _smpp() -> tuple[int, Ended]:
    async def nobody(*_: object) -> None:
        raise AssertionError

    server = await serve("127.0.0.1", 0, authenticate=nobody, on_submit=nobody)  # type: ignore[arg-type]
    return server.port, server.close


async def _http() -> tuple[int, Ended]:
    async def app(scope: object, receive: object, send: object) -> None:
        raise AssertionError

    server = HttpServer("test", app, "127.0.0.1", 0, setting="port")
    await server.start()
    return server.port, server.stop


async def _customer() -> tuple[int, Ended]:
    receiver = Receiver()
    await receiver.start()
    return receiver.port, receiver.stop


@pytest.fixture
async def dropped() -> AsyncIterator[list[str]]:
    """What asyncio says of connections that it could not give to anybody: it does in debug mode only."""
    loop, found = asyncio.get_running_loop(), list[str]()
    loop.set_debug(True)
    loop.set_exception_handler(lambda _, context: found.append(context["message"]))
    yield found
    loop.set_debug(False)


@pytest.mark.parametrize("make", [_smpp, _http, _customer])
async def test_whoever_connects_in_the_turn_in_which_it_closes_is_taken_and_let_go(
    make: Callable[[], Awaitable[tuple[int, Ended]]], dropped: list[str]
) -> None:
    loop = asyncio.get_running_loop()
    port, close = await make()
    peers: list[socket.socket] = []

    def connect() -> None:
        try:
            peers.append(socket.create_connection(("127.0.0.1", port)))
        except OSError:
            return
        loop.call_soon(connect)

    connect()
    await wait_until(lambda: len(peers) > 20)
    await asyncio.sleep(0)  # a turn that begins before what was just taken is given to the server
    await close(1)
    for peer in peers:
        with peer:
            peer.setblocking(False)
            try:
                async with asyncio.timeout(5.0):
                    assert await loop.sock_recv(peer, 1) == b""
            except ConnectionResetError:
                pass
    assert dropped == []
