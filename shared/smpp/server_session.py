"""One ESME's connection: let the application decide who binds and what is taken, deliver."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, Protocol, TypeAlias

import msgspec

from shared.clock import Clock
from shared.smpp.codec import (
    decode_bind,
    decode_request,
    decode_submit_sm,
    encode_alert,
    encode_header,
    encode_outbind,
    encode_response,
)
from shared.smpp.constants import (
    BIND_RECEIVER,
    BIND_TRANSCEIVER,
    BIND_TRANSMITTER,
    CANCEL_SM,
    DATA_SM,
    DELIVER_SM,
    ESME_RALYBND,
    ESME_RBINDFAIL,
    ESME_RINVBNDSTS,
    ESME_RINVCMDID,
    ESME_RINVPARLEN,
    ESME_ROK,
    ESME_RSYSERR,
    GENERIC_NACK,
    INTERFACE_VERSION,
    QUERY_SM,
    REPLACE_SM,
    SC_INTERFACE_VERSION,
    SUBMIT_MULTI,
    SUBMIT_SM,
)
from shared.smpp.errors import MalformedPdu
from shared.smpp.pdu import BindRequest, DeliverSm, Outbind, SubmitSm
from shared.smpp.reply import Reply
from shared.smpp.requests import AlertNotification, DataSm, Request
from shared.smpp.results import Ending, Result, SubmitResult
from shared.smpp.session import Session
from shared.smpp.settings import BindMode, SessionSettings
from shared.smpp.window import OnResult

_BINDS = frozenset({BIND_RECEIVER, BIND_TRANSMITTER, BIND_TRANSCEIVER})
_REQUESTS = frozenset({SUBMIT_MULTI, DATA_SM, QUERY_SM, CANCEL_SM, REPLACE_SM})

Authenticate: TypeAlias = Callable[["ServerSession", BindRequest], Awaitable[int]]
"""Decides on a bind: `ESME_ROK` or the status to refuse with.

`session.peer`, `session.tls` (with the certificate, when one was asked for) and `session.asked_mode` are set.
"""

OnSubmit: TypeAlias = Callable[["ServerSession", SubmitSm, Reply], None]
"""A submit with all its fields; answer with `reply(ESME_ROK, message_id)` once it is safe, or with an error status."""

OnRequest: TypeAlias = Callable[["ServerSession", Request, Reply], None]
"""Any other request; answer a query_sm or submit_multi with `reply.answer`, the others, and every refusal, plainly."""

Admit: TypeAlias = Callable[["ServerSession", int], int]
"""Whether a request with this command id may come in now: `ESME_ROK`, or the status to refuse it with unread."""


class ServerEvents(msgspec.Struct, frozen=True, kw_only=True):
    """What the application wants to be asked and told; see `serve`."""

    authenticate: Authenticate
    on_submit: OnSubmit
    on_request: OnRequest | None = None
    admit: Admit | None = None
    on_bound: Callable[[ServerSession], None] | None = None
    on_closed: Callable[[ServerSession, Ending], None] | None = None
    on_writable: Callable[[ServerSession], None] | None = None
    on_late: Callable[[ServerSession, Any, Any], None] | None = None


class House(Protocol):
    """The server a session belongs to."""

    system_id: bytes

    def joined(self, session: ServerSession) -> bool:
        """A connection came; False when there is no room for it."""
        ...

    def bound(self, session: ServerSession) -> bool:
        """A bind is to stand; False when its system id has enough of them."""
        ...

    def left(self, session: ServerSession) -> None:
        """A connection is gone."""
        ...


class ServerSession(Session):
    """One ESME's connection. `send` and `deliver` are for receivers and transceivers, under a window of their own.

    `send` is the hot path: the callback runs inside the read that brought the answer. All requests raise `WindowFull`,
    `NotBound`, `WrongDirection` or `UnencodablePdu` before anything is written.
    """

    _request_id: ClassVar[int] = DELIVER_SM

    def __init__(self, settings: SessionSettings, clock: Clock, events: ServerEvents, house: House) -> None:
        super().__init__(settings, clock)
        self.asked_mode: BindMode | None = None
        """What the bind asked for; `mode` once it was taken."""
        self.system_id = b""
        self._events = events
        self._house = house
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

    def data(self, request: DataSm) -> asyncio.Future[SubmitResult]:
        """Send a `data_sm`."""
        return self._ask(request)

    def alert(self, alert: AlertNotification) -> None:
        """Tell that a handset can be reached again; nobody answers it."""
        self._must_be_open()
        self._write(encode_alert(self._window.sequence(), alert))

    def ask_to_bind(self, outbind: Outbind) -> None:
        """Send the `outbind` on a connection that we made; the bind that answers it is decided on like any other."""
        self._write(encode_outbind(self._window.sequence(), outbind))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop."""
        super().connection_made(transport)
        if not self._house.joined(self):
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop."""
        super().connection_lost(exc)
        self._house.left(self)

    def _on_request(self, command_id: int, sequence: int, body: bytes) -> None:
        if command_id in _BINDS:
            self._on_bind(BindMode(command_id), sequence, body)
        elif command_id != SUBMIT_SM and (command_id not in _REQUESTS or self._events.on_request is None):
            self._write(encode_header(GENERIC_NACK, ESME_RINVCMDID, sequence))
        elif self.mode is None:
            self._write(encode_header(GENERIC_NACK, ESME_RINVBNDSTS, sequence))
        elif not self.mode.carries(SUBMIT_SM):
            self._write(encode_response(command_id, ESME_RINVBNDSTS, sequence))
        elif self._events.admit is not None and (status := self._refusal(self._events.admit, command_id)):
            self._write(encode_response(command_id, status, sequence))
        elif command_id == SUBMIT_SM:
            submit = decode_submit_sm(body)
            self._take(command_id, sequence, self._events.on_submit, self, submit, on_error=ESME_RSYSERR)
        elif self._events.on_request is not None:
            request = decode_request(command_id, body)
            if isinstance(request, DataSm) and request.tail:
                raise MalformedPdu(ESME_RINVPARLEN, "data_sm ends inside a TLV")
            self._take(command_id, sequence, self._events.on_request, self, request, on_error=ESME_RSYSERR)

    def _refusal(self, admit: Admit, command_id: int) -> int:
        try:
            return admit(self, command_id)
        except Exception as error:
            self._loop.call_exception_handler({"message": "error while admitting a request", "exception": error})
            return ESME_RSYSERR

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
        if not status and not self._house.bound(self):
            status = ESME_RBINDFAIL
        if status:
            self._write(encode_response(mode, status, sequence))
            self._binding = None
            self._end(Ending.NEVER_BOUND)
            return
        self._bound(mode)
        # An ESME of before 3.4 does not know what a TLV is (3.4, 3.3).
        version = ((SC_INTERFACE_VERSION, bytes((INTERFACE_VERSION,))),)
        tlvs = version if bind.interface_version >= INTERFACE_VERSION else ()
        self._write(encode_response(mode, ESME_ROK, sequence, self._house.system_id, tlvs))
        if self._events.on_bound is not None:
            self._tell(self._events.on_bound, self)

    def _on_sweep(self, now: float) -> None:
        if self.mode is None and now - self._opened_at >= self._settings.timers.connect:
            self._end(Ending.NEVER_BOUND)
        else:
            super()._on_sweep(now)

    def _on_late(self, context: Any, result: Result) -> None:
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
