"""Sends numbered messages to an HTTP API over keep-alive connections, one request at a time on each."""

from __future__ import annotations

import asyncio
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from typing import Final, cast

import msgspec

from tests.bench.ends.control import write_log
from tests.bench.ends.smsc import MARK

_LENGTH: Final = 60
"""Characters of a text, all of GSM 7 bit."""
_FILLING: Final = b" the quick brown fox jumps over the lazy dog 0123456789 and then"
_TICK: Final = 0.002


class Sent(msgspec.Struct):
    """One request: monotonic ns of its first octet and of its whole answer; 0 as status for none."""

    number: int
    began: int = 0
    ended: int = 0
    status: int = 0


class Request:
    """A request with `{n}` and `{rawtext}` in its path and body, as the options give it."""

    def __init__(self, options: Namespace) -> None:
        self._body: bytes = options.body.encode()
        self._before = f"{options.method or 'GET'} {options.request} HTTP/1.1\r\nhost: 127.0.0.1\r\n"
        self._before += f"{options.header}\r\n" if options.header else ""
        self._before += f"content-type: {options.ctype or 'application/json'}\r\ncontent-length: "

    def of(self, number: int) -> bytes:
        """The octets of one message's."""
        digits = b"%08d" % number
        text = (MARK + digits + _FILLING)[:_LENGTH]
        body = self._body.replace(b"{n}", digits).replace(b"{rawtext}", text)
        return self._before.encode().replace(b"{n}", digits) + b"%d\r\n\r\n" % len(body) + body


class Connection(asyncio.Protocol):
    """Asks for the next message when it is connected and whenever it has an answer."""

    def __init__(self, next_one: Callable[[Connection], None], ended: Callable[[], None]) -> None:
        self._next = next_one
        self._ended = ended
        self._transport: asyncio.Transport | None = None
        self._unread = b""
        self._sent: Sent | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._next(self)

    def connection_lost(self, error: Exception | None) -> None:
        if self._sent is not None:
            self._ended()

    def send(self, sent: Sent, octets: bytes) -> None:
        """Send one request."""
        assert self._transport is not None
        self._sent, sent.began = sent, sent.began or time.monotonic_ns()
        self._transport.write(octets)

    def data_received(self, data: bytes) -> None:
        self._unread += data
        head, found, body = self._unread.partition(b"\r\n\r\n")
        if found and self._sent is not None:
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            if len(body) >= length:
                self._unread = body[length:]
                sent, self._sent = self._sent, None
                sent.ended, sent.status = time.monotonic_ns(), int(head[9:12])
                self._ended()
                self._next(self)


class Load:
    """So many messages; with a `rate` each when it is due, and its time counts from then."""

    def __init__(self, request: Request, first: int, count: int, rate: int) -> None:
        self.sent = [Sent(first + place) for place in range(count)]
        self.finished = asyncio.Event()
        self._request = request
        self._rate = rate
        self._left = count
        self._waiting: Iterator[Sent] = iter(self.sent)
        self._idle: list[Connection] = []

    def next_one(self, connection: Connection) -> None:
        """Give a connection its next message, or let it wait for one that is due."""
        if self._rate:
            self._idle.append(connection)
        elif (sent := next(self._waiting, None)) is not None:
            connection.send(sent, self._request.of(sent.number))

    def ended(self) -> None:
        """One more has its answer, or will never have one."""
        self._left -= 1
        if not self._left:
            self.finished.set()

    async def pace(self) -> None:
        """Send each message when it is due."""
        began = time.monotonic_ns()
        for place, sent in enumerate(self.sent):
            sent.began = began + place * 1_000_000_000 // self._rate
            while time.monotonic_ns() < sent.began or not self._idle:  # noqa: ASYNC110 - a bench may poll
                await asyncio.sleep(_TICK)
            self._idle.pop().send(sent, self._request.of(sent.number))


async def run(options: Namespace) -> None:
    """Send everything, print the outcome as `bench http-load` does, and write when each was answered."""
    loop = asyncio.get_running_loop()
    load = Load(Request(options), getattr(options, "from"), options.n, options.rate)
    for _ in range(min(options.conc, options.n)):
        await loop.create_connection(lambda: Connection(load.next_one, load.ended), "127.0.0.1", options.port)
    async with asyncio.timeout(options.deadline_s):
        if options.rate:
            await load.pace()
        await load.finished.wait()
    good = [one for one in load.sent if 200 <= one.status < 300]
    sys.stdout.write(
        msgspec.json.encode(
            {
                "ok": len(good),
                "non2xx": sum(one.status >= 300 for one in load.sent),
                "unknown": sum(not one.status for one in load.sent),
                "cpu_s": time.process_time(),
            }
        ).decode()
    )
    write_log(
        options.log, "no,t0_ns,t1_ns,status", ((one.number, one.began, one.ended, one.status) for one in load.sent)
    )
