"""One HTTP/1.1 connection to a customer: one request at a time, answered at the end of the response's head."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol, cast

import httptools

from services.dlr.webhooks.client.outcome import Failure, Outcome
from services.dlr.webhooks.client.targets import Target

MOST_OCTETS: Final = 65_536
"""Of one response, head included; the rest is discarded by closing."""

_LONGEST_HEADER: Final = 64
_FINAL: Final = 200
_SWITCHING: Final = 101

Done = Callable[[Outcome], None]


class Exchange:
    """One request and what is to happen with its outcome. `deadline` is monotonic; `again` after a lost race."""

    __slots__ = ("again", "deadline", "done", "request", "started", "target")

    def __init__(self, target: Target, request: bytes, done: Done, started: float, deadline: float) -> None:
        self.target = target
        self.request = request
        self.done = done
        self.started = started
        self.deadline = deadline
        self.again = False


class Owner(Protocol):
    """Who keeps the connections of one host."""

    def free(self, connection: Connection) -> None:
        """It can take the next request."""
        ...

    def lost(self, connection: Connection, unanswered: Exchange | None) -> None:
        """It is closed. `unanswered` is a request that may be sent again: nothing came back, on a used connection."""
        ...


class Connection(asyncio.Protocol):
    """Tells the outcome as soon as the head is whole; the body is only read to reuse the connection.

    A response that goes on beyond 64 kB or `drain` seconds after its head, that has no end, or that is followed by
    octets nobody asked for, costs the connection, not the delivery.
    """

    def __init__(self, owner: Owner, now: Callable[[], float], response: float, drain: float) -> None:
        self.deadline = 0.0
        self.idle_since = 0.0
        self.closed = False
        self._owner = owner
        self._now = now
        self._response = response
        self._drain = drain
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._exchange: Exchange | None = None
        self._sent = 0
        self._octets = 0
        self._retry_after: str | None = None
        self._status = 0
        self._whole = False
        self._reusable = False

    @property
    def busy(self) -> bool:
        """Whether a request or the rest of a response is under way."""
        return self.deadline > 0.0

    def send(self, exchange: Exchange) -> None:
        """Send a request; the answer must come within the response timeout and the exchange's own deadline."""
        transport = cast("asyncio.Transport", self._transport)
        self._exchange = exchange
        self._sent += 1
        self._octets = self._status = 0
        self._retry_after = None
        self._whole = self._reusable = False
        self.deadline = min(exchange.deadline, self._now() + self._response)
        transport.write(exchange.request)

    def expire(self) -> None:
        """The deadline is over."""
        self.abort(Failure.TIMEOUT)

    def abort(self, failure: Failure) -> None:
        """Close at once; a request under way ends with this failure."""
        if self._transport is not None:
            self._transport.abort()
        self._end(Outcome(failure=failure))
        self._gone(None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the transport."""
        self._transport = cast("asyncio.Transport", transport)
        self._parser = httptools.HttpResponseParser(self)

    def data_received(self, data: bytes) -> None:
        """Called by the transport. Octets that nobody waits for end the connection."""
        if self._parser is None or self.closed:
            return
        if not self.busy:
            self.abort(Failure.BAD_RESPONSE)
            return
        self._octets += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.abort(Failure.BAD_RESPONSE)
            return
        if self._status and self._exchange is not None:
            self.deadline = self._now() + self._drain
            self._end(Outcome(status=self._status, retry_after=self._retry_after))
        if self._whole:
            self._finish()
        elif self._octets > MOST_OCTETS:
            self.abort(Failure.BAD_RESPONSE)

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - why makes no difference
        """Called by the transport."""
        exchange = self._exchange
        if exchange is not None and self._sent > 1 and not self._octets and not exchange.again:
            # The peer closed an idle connection while the request was on its way: no fault of anybody.
            exchange.again = True
            self._exchange = None
            self._gone(exchange)
            return
        self._end(Outcome(failure=Failure.BAD_RESPONSE if self._octets else Failure.CLOSED))
        self._gone(None)

    def on_message_begin(self) -> None:
        """A second answer to one request makes the connection useless."""
        if self._whole:
            self._reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser."""
        if len(name) == 11 and name.lower() == b"retry-after" and len(value) <= _LONGEST_HEADER:
            self._retry_after = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Called by the parser, for interim responses too."""
        status = cast("httptools.HttpResponseParser", self._parser).get_status_code()
        if (status >= _FINAL or status == _SWITCHING) and not self._status:
            self._status = status

    def on_message_complete(self) -> None:
        """Called by the parser, for interim responses too."""
        if self._status and not self._whole:
            self._whole = True
            self._reusable = cast("httptools.HttpResponseParser", self._parser).should_keep_alive()

    def _finish(self) -> None:
        transport = cast("asyncio.Transport", self._transport)
        if self._reusable and not transport.is_closing() and not transport.get_write_buffer_size():
            self.deadline = 0.0
            self._owner.free(self)
        else:
            transport.close()
            self._gone(None)

    def _end(self, outcome: Outcome) -> None:
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.done(Outcome(outcome.status, outcome.failure, outcome.retry_after, self._now() - exchange.started))

    def _gone(self, unanswered: Exchange | None) -> None:
        if not self.closed:
            self.closed = True
            self.deadline = 0.0
            self._owner.lost(self, unanswered)
