"""The HTTP client of deliveries: a POST in, an outcome by callback, no task and no timer per request.

One connection holds one request at a time. Connections are kept per origin (scheme, host, port), used again last in
first out, and closed when they were idle for `idle` seconds. Redirects are answers like any other.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import OrderedDict, deque
from contextlib import suppress
from typing import Final

import msgspec

from services.dlr.webhooks.client.connection import Connection, Done, Exchange
from services.dlr.webhooks.client.outcome import Failure, Outcome
from services.dlr.webhooks.client.resolving import Resolver
from services.dlr.webhooks.client.targets import Origin, Target
from shared.clock import Clock
from shared.lifecycle import Health

_TICK: Final = 0.1
_ADDRESSES: Final = 3


class ClientSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Durations in seconds. `total` counts from `post`, waiting for a connection and resolving the name included.

    `per_origin` is the most connections to one origin, `connections` to all; `waiting` the most requests that wait
    for a connection to one origin.
    """

    connect: float = 3.0
    response: float = 4.0
    total: float = 5.0
    drain: float = 2.0
    idle: float = 20.0
    per_origin: int = 16
    connections: int = 2_000
    waiting: int = 1_000


class _Host:
    """The connections to one origin."""

    __slots__ = ("_client", "connecting", "idle", "open", "origin", "waiting")

    def __init__(self, client: Client, origin: Origin) -> None:
        self._client = client
        self.origin = origin
        self.idle: list[Connection] = []
        self.open = 0
        self.connecting = 0
        self.waiting: deque[Exchange] = deque()

    def free(self, connection: Connection) -> None:
        if self.waiting:
            connection.send(self.waiting.popleft())
        else:
            self._client.rest(self, connection)

    def lost(self, connection: Connection, unanswered: Exchange | None) -> None:
        self._client.forget(self, connection, unanswered)


class Client:
    """See the module. All calls from one event loop."""

    def __init__(
        self,
        resolver: Resolver,
        clock: Clock,
        settings: ClientSettings | None = None,
        *,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`tls` defaults to the system's certificates, TLS 1.2 or newer."""
        self.name = "webhook client"
        self._settings = settings or ClientSettings()
        self._resolver = resolver
        self._now = clock.monotonic
        self._tls = tls or ssl.create_default_context()
        self._hosts: dict[Origin, _Host] = {}
        self._idle: OrderedDict[Connection, _Host] = OrderedDict()
        self._connections: set[Connection] = set()
        self._open = 0
        self._starved: deque[_Host] = deque()
        self._connecting: set[asyncio.Task[None]] = set()
        self._ticking: asyncio.Task[None] | None = None

    @property
    def open(self) -> int:
        """Connections that are open or being opened."""
        return self._open

    @property
    def busy(self) -> bool:
        """Whether a request or the rest of a response is under way."""
        return self._open > len(self._idle)

    async def start(self) -> None:
        """Begin to watch deadlines."""
        self._ticking = asyncio.create_task(self._tick(), name=self.name)

    async def wait(self) -> None:
        """Raise what ended the watch; it never ends by itself."""
        if self._ticking is not None:
            await asyncio.shield(self._ticking)

    def health(self) -> Health:
        """Ready once started."""
        return Health(ready=self._ticking is not None, reason="" if self._ticking else "not started")

    async def stop(self, deadline: float) -> None:  # noqa: ARG002 - nothing here waits for a peer
        """Close everything; what is under way ends as `closed`."""
        tasks = [*self._connecting, *([self._ticking] if self._ticking else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for connection in list(self._connections):
            connection.abort(Failure.CLOSED)
        for host in list(self._hosts.values()):
            self._fail_waiting(host, Failure.CLOSED)
        self._resolver.close()
        self._ticking = None

    def post(self, target: Target, headers: bytes, body: bytes, done: Done) -> None:
        """Send one request. `headers` end each with CRLF. `done` is called once, perhaps before this returns."""
        now = self._now()
        request = b"%b%bcontent-length: %d\r\n\r\n%b" % (target.head, headers, len(body), body)
        exchange = Exchange(target, request, done, now, now + self._settings.total)
        host = self._hosts.get(target.origin)
        if host is None:
            host = self._hosts[target.origin] = _Host(self, target.origin)
        if host.idle:
            connection = host.idle.pop()
            del self._idle[connection]
            connection.send(exchange)
        elif len(host.waiting) >= self._settings.waiting:
            done(Outcome(failure=Failure.BUSY))
        else:
            host.waiting.append(exchange)
            self._open_one(host)

    def rest(self, host: _Host, connection: Connection) -> None:
        """A connection has nothing to do: keep it, unless another host waits for its place."""
        if self._starved:
            connection.abort(Failure.CLOSED)
            return
        connection.idle_since = self._now()
        host.idle.append(connection)
        self._idle[connection] = host

    def forget(self, host: _Host, connection: Connection, unanswered: Exchange | None) -> None:
        """A connection is closed: make room for the next."""
        self._connections.discard(connection)
        if self._idle.pop(connection, None) is not None:
            host.idle.remove(connection)
        if unanswered is not None:
            host.waiting.appendleft(unanswered)
        self._closed_one(host)

    def _closed_one(self, host: _Host) -> None:
        host.open -= 1
        self._open -= 1
        if host.waiting:
            self._open_one(host)
        elif not host.open and self._hosts.get(host.origin) is host:
            del self._hosts[host.origin]
        while self._starved and self._open < self._settings.connections:
            starved = self._starved.popleft()
            if starved.waiting:
                self._open_one(starved)

    def _open_one(self, host: _Host) -> None:
        """Open a connection for what waits, as far as the limits allow."""
        if host.open >= self._settings.per_origin or host.connecting >= len(host.waiting):
            return
        if self._open >= self._settings.connections:
            if not self._idle:
                if not host.open:
                    self._starved.append(host)
                return
            oldest = next(iter(self._idle))
            oldest.abort(Failure.CLOSED)
        host.open += 1
        host.connecting += 1
        self._open += 1
        task = asyncio.create_task(self._connect(host))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _connect(self, host: _Host) -> None:
        """Open one connection and send what waits. On failure everything that waits for this host fails: whether the
        next try would go better, whoever retries has to find out.
        """
        try:
            connection, failure = await self._connected(host)
        except asyncio.CancelledError:
            connection, failure = None, Failure.CLOSED
            raise
        finally:
            host.connecting -= 1
            if connection is None:
                self._fail_waiting(host, failure)
                self._closed_one(host)
        if connection is not None:
            self._connections.add(connection)
            if connection.closed:
                self.forget(host, connection, None)
            else:
                host.free(connection)

    async def _connected(self, host: _Host) -> tuple[Connection | None, Failure]:
        """Resolve, check, connect to the first address that answers."""
        failure = Failure.UNRESOLVED
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settings.connect):
                resolved = await self._resolver.resolve(host.origin.host, host.origin.port)
                failure = resolved.failure or Failure.CONNECT_TIMEOUT
                for address in resolved.addresses[:_ADDRESSES]:
                    connection, failed = await self._try(host, address)
                    if connection is not None:
                        return connection, failed
                    failure = failed
        return None, failure

    async def _try(self, host: _Host, address: str) -> tuple[Connection | None, Failure]:
        tls, name, port = host.origin
        try:
            _, connection = await asyncio.get_running_loop().create_connection(
                lambda: Connection(host, self._now, self._settings.response, self._settings.drain),
                address,
                port,
                ssl=self._tls if tls else None,
                server_hostname=name if tls else None,
            )
        except ssl.SSLError:
            return None, Failure.TLS_FAILED
        except OSError:
            return None, Failure.CONNECT_FAILED
        return connection, Failure.CLOSED

    def _fail_waiting(self, host: _Host, failure: Failure) -> None:
        waiting, host.waiting = host.waiting, deque()
        for exchange in waiting:
            exchange.done(Outcome(failure=failure, seconds=self._now() - exchange.started))

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK)
            now = self._now()
            for connection in [each for each in self._connections if 0.0 < each.deadline <= now]:
                connection.expire()
            for host in [each for each in self._hosts.values() if each.waiting]:
                while host.waiting and host.waiting[0].deadline <= now:
                    exchange = host.waiting.popleft()
                    exchange.done(Outcome(failure=Failure.BUSY, seconds=now - exchange.started))
                if not host.waiting and not host.open:
                    self._hosts.pop(host.origin, None)
            while self._idle and next(iter(self._idle)).idle_since + self._settings.idle <= now:
                next(iter(self._idle)).abort(Failure.CLOSED)
