"""The SMSC's end: take connections, let the application decide who binds, take submits, deliver."""

from __future__ import annotations

import asyncio
import ssl as tls
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar, TypeAlias

import msgspec

from shared.clock import Clock, SystemClock
from shared.smpp.codec import decode_bind, decode_submit_sm, encode_header, encode_response
from shared.smpp.constants import (
    BIND_RECEIVER,
    BIND_TRANSCEIVER,
    BIND_TRANSMITTER,
    DELIVER_SM,
    ESME_RALYBND,
    ESME_RBINDFAIL,
    ESME_RINVBNDSTS,
    ESME_RINVCMDID,
    ESME_ROK,
    ESME_RSYSERR,
    GENERIC_NACK,
    INTERFACE_VERSION,
    SC_INTERFACE_VERSION,
    SUBMIT_SM,
    UNDECODED_REQUESTS,
)
from shared.smpp.pdu import BindRequest, DeliverSm, SubmitSm
from shared.smpp.results import Ending, SubmitResult
from shared.smpp.session import Reply, Session
from shared.smpp.settings import BindMode, SessionSettings
from shared.smpp.window import OnResult

_BINDS = frozenset({BIND_RECEIVER, BIND_TRANSMITTER, BIND_TRANSCEIVER})

Authenticate: TypeAlias = Callable[["ServerSession", BindRequest], Awaitable[int]]
"""Decides on a bind: `ESME_ROK` or the status to refuse with. `session.peer` and `session.asked_mode` are set."""

OnSubmit: TypeAlias = Callable[["ServerSession", SubmitSm, Reply], None]
"""A submit with all its fields; answer with `reply(ESME_ROK, message_id)` once it is safe, or with an error status."""

OnOtherRequest: TypeAlias = Callable[["ServerSession", int, bytes, Reply], None]
"""A request this stack does not decode (`UNDECODED_REQUESTS`): session, command id, raw body, reply."""


class ServerEvents(msgspec.Struct, frozen=True, kw_only=True):
    """What the application wants to be told; see `serve`."""

    authenticate: Authenticate
    on_submit: OnSubmit
    on_other: OnOtherRequest | None = None
    on_bound: Callable[[ServerSession], None] | None = None
    on_closed: Callable[[ServerSession, Ending], None] | None = None
    on_writable: Callable[[ServerSession], None] | None = None
    on_late: Callable[[ServerSession, Any, SubmitResult], None] | None = None


class ServerSession(Session):
    """One ESME's connection. `send` and `deliver` are for receivers and transceivers, under a window of their own.

    `send` is the hot path: the callback runs inside the read that brought the answer. Both raise `WindowFull`,
    `NotBound`, `WrongDirection` or `UnencodablePdu` before anything is written.
    """

    _request_id: ClassVar[int] = DELIVER_SM

    def __init__(self, settings: SessionSettings, clock: Clock, events: ServerEvents, server: Server) -> None:
        super().__init__(settings, clock)
        self.asked_mode: BindMode | None = None
        """What the bind asked for; `mode` once it was taken."""
        self.system_id = b""
        self._events = events
        self._server = server
        self._opened_at = clock.monotonic()
        self._binding: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        mode = self.mode.name.lower() if self.mode is not None else "unbound"
        return f"ServerSession({mode} from {self.peer}, in_flight={self.in_flight})"

    def send(self, message: DeliverSm, context: Any, on_result: OnResult) -> None:
        """Deliver; later call `on_result(context, result)` exactly once."""
        self._send(message, context, on_result)

    def deliver(self, message: DeliverSm) -> asyncio.Future[SubmitResult]:
        """Deliver; the future gets the one result, never an exception."""
        return self._send_for_future(message)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop."""
        super().connection_made(transport)
        self._server.joined(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop."""
        super().connection_lost(exc)
        self._server.left(self)

    def _on_request(self, command_id: int, sequence: int, body: bytes) -> None:
        if command_id == SUBMIT_SM:
            self._on_submit(sequence, body)
        elif command_id in _BINDS:
            self._on_bind(BindMode(command_id), sequence, body)
        elif command_id not in UNDECODED_REQUESTS or self._events.on_other is None:
            self._write(encode_header(GENERIC_NACK, ESME_RINVCMDID, sequence))
        elif self.mode is None:
            self._write(encode_header(GENERIC_NACK, ESME_RINVBNDSTS, sequence))
        else:
            self._unanswered += 1
            reply = Reply(self, command_id, sequence)
            if not self._tell(self._events.on_other, self, command_id, body, reply):
                reply(ESME_RSYSERR)

    def _on_submit(self, sequence: int, body: bytes) -> None:
        if self.mode is None:
            self._write(encode_header(GENERIC_NACK, ESME_RINVBNDSTS, sequence))
        elif not self.mode.carries(SUBMIT_SM):
            self._write(encode_response(SUBMIT_SM, ESME_RINVBNDSTS, sequence))
        else:
            message = decode_submit_sm(body)
            self._unanswered += 1
            reply = Reply(self, SUBMIT_SM, sequence)
            if not self._tell(self._events.on_submit, self, message, reply):
                reply(ESME_RSYSERR)

    def _on_bind(self, mode: BindMode, sequence: int, body: bytes) -> None:
        if self.mode is not None or self._binding is not None:
            self._write(encode_response(mode, ESME_RALYBND, sequence))
            return
        bind = decode_bind(body)
        self.asked_mode, self.system_id = mode, bind.system_id
        self._binding = self._loop.create_task(self._decide(mode, sequence, bind))

    async def _decide(self, mode: BindMode, sequence: int, bind: BindRequest) -> None:
        """One task per bind, so that checking a password may wait for a store. It ends with the connection."""
        try:
            status = await self._events.authenticate(self, bind)
        except Exception as error:
            self._loop.call_exception_handler({"message": "error while deciding on a bind", "exception": error})
            status = ESME_RBINDFAIL
        if self._ending is not None:
            return
        if status:
            self._write(encode_response(mode, status, sequence))
            self._binding = None
            self._end(Ending.NEVER_BOUND)
            return
        self._bound(mode)
        version = ((SC_INTERFACE_VERSION, bytes((INTERFACE_VERSION,))),)
        self._write(encode_response(mode, ESME_ROK, sequence, self._server.system_id, version))
        if self._events.on_bound is not None:
            self._tell(self._events.on_bound, self)

    def _on_sweep(self, now: float) -> None:
        if self.mode is None and now - self._opened_at >= self._settings.timers.connect:
            self._end(Ending.NEVER_BOUND)
        else:
            super()._on_sweep(now)

    def _on_late(self, context: Any, result: SubmitResult) -> None:
        if self._events.on_late is not None:
            self._events.on_late(self, context, result)

    def _on_writable(self) -> None:
        if self._events.on_writable is not None:
            self._events.on_writable(self)

    def _on_end(self, ending: Ending) -> None:
        super()._on_end(ending)
        if self._binding is not None and self.mode is None:
            self._binding.cancel()
        if self._events.on_closed is not None and self.mode is not None:
            self._tell(self._events.on_closed, self, ending)


class Server:
    """A listening SMSC; made by `serve`."""

    def __init__(self, system_id: bytes) -> None:
        self.system_id = system_id
        self._sessions: set[ServerSession] = set()
        self.port = 0
        """The port it listens on, also when asked for port 0."""
        self._listener: asyncio.Server | None = None

    @property
    def sessions(self) -> Sequence[ServerSession]:
        """Every open connection, bound or not."""
        return tuple(self._sessions)

    async def listen(
        self, factory: Callable[[], ServerSession], host: str, port: int, ssl: tls.SSLContext | None
    ) -> None:
        """Open the listening socket. Raises `OSError` when the port is taken."""
        self._listener = await asyncio.get_running_loop().create_server(factory, host, port, ssl=ssl)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def close(self, deadline: float) -> None:
        """Stop listening and unbind every session, all within `deadline` seconds."""
        if self._listener is not None:
            self._listener.close()
        await asyncio.gather(*(session.unbind(deadline) for session in self.sessions))
        for session in self.sessions:
            session.abort()

    def joined(self, session: ServerSession) -> None:
        """A connection came."""
        self._sessions.add(session)

    def left(self, session: ServerSession) -> None:
        """A connection is gone."""
        self._sessions.discard(session)


async def serve(
    host: str,
    port: int,
    *,
    authenticate: Authenticate,
    on_submit: OnSubmit,
    on_other: OnOtherRequest | None = None,
    on_bound: Callable[[ServerSession], None] | None = None,
    on_closed: Callable[[ServerSession, Ending], None] | None = None,
    on_writable: Callable[[ServerSession], None] | None = None,
    on_late: Callable[[ServerSession, Any, SubmitResult], None] | None = None,
    ssl: tls.SSLContext | None = None,
    system_id: bytes = b"budstikke",
    settings: SessionSettings | None = None,
    clock: Clock | None = None,
) -> Server:
    """Listen for ESMEs. Port 0 takes a free one (`server.port`).

    `authenticate` is awaited once per bind; everything else is a plain function called on the event loop, in the order
    the peer sent. A refused bind is answered with its status and closed. `on_bound` comes after the bind response was
    queued, `on_closed` once for every session that stood, after its open deliveries were told. An error raised by a
    callback goes to the loop's exception handler and the peer gets `ESME_RSYSERR`.
    """
    events = ServerEvents(
        authenticate=authenticate,
        on_submit=on_submit,
        on_other=on_other,
        on_bound=on_bound,
        on_closed=on_closed,
        on_writable=on_writable,
        on_late=on_late,
    )
    server, session_settings, time = Server(system_id), settings or SessionSettings(), clock or SystemClock()
    await server.listen(lambda: ServerSession(session_settings, time, events, server), host, port, ssl)
    return server
