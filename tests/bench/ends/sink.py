"""A customer's receiver of callbacks: notes each by the `n` of its URL, and if it says `delivered`; and says 200."""

from __future__ import annotations

import asyncio
import time
from argparse import Namespace
from typing import Final, cast

from tests.bench.ends.control import serve, write_log

_DELIVERED: Final = b'"state":"delivered"'
_ANSWER: Final = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nOK"


class Sink:
    """What came, over all connections."""

    def __init__(self) -> None:
        self.callbacks: list[tuple[int, int, bool]] = []
        self.numbers: set[int] = set()

    def take(self, line: bytes, body: bytes) -> None:
        """Note one request by its first line and what it says."""
        _, found, rest = line.partition(b"?n=")
        number = int(rest.split(b" ", 1)[0].split(b"&", 1)[0]) if found else -1
        self.callbacks.append((number, time.monotonic_ns(), _DELIVERED in body))
        if found:
            self.numbers.add(number)

    def state(self) -> object:
        """As `bench sink` tells it."""
        return {"callbacks": len(self.callbacks), "distinct": len(self.numbers)}


class Connection(asyncio.Protocol):
    """One connection, kept alive. Requests have a content-length, as ours do."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._transport: asyncio.Transport | None = None
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._unread += data
        while True:
            head, found, rest = self._unread.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
            if not found or len(rest) < length:
                return
            body, self._unread = rest[:length], rest[length:]
            self._sink.take(head.partition(b"\r\n")[0], body)
            self._transport.write(_ANSWER)


async def run(options: Namespace) -> None:
    """Serve until SIGTERM, then write what came."""
    sink = Sink()
    await serve(options.port, lambda: Connection(sink), options.ctl, sink.state)
    write_log(options.log, "no,t_ns,delivered", sink.callbacks)
