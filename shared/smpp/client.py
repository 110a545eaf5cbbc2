"""The ESME's end: connect, bind, submit, take what the operator delivers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias

import msgspec

from shared.clock import Clock, SystemClock
from shared.smpp.codec import decode_alert, decode_deliver_sm, decode_request, encode_bind, encode_header
from shared.smpp.constants import (
    ALERT_NOTIFICATION,
    DATA_SM,
    DELIVER_SM,
    ESME_RINVCMDID,
    ESME_RX_T_APPN,
    GENERIC_NACK,
    SUBMIT_SM,
)
from shared.smpp.errors import BindRefused, BindTimedOut, ConnectFailed, UnencodablePdu
from shared.smpp.pdu import BindRequest, DeliverSm, SubmitSm
from shared.smpp.reply import Reply
from shared.smpp.requests import AlertNotification, CancelSm, DataSm, QuerySm, ReplaceSm, SubmitMulti
from shared.smpp.results import Ending, MultiResult, QueryResult, Result, SubmitResult
from shared.smpp.session import Session
from shared.smpp.settings import BindSettings
from shared.smpp.window import OnResult

OnDeliver: TypeAlias = Callable[[DeliverSm, Reply], None]
"""A message or receipt, in the order the peer sent them. Answer through the reply once it is stored (rule 5)."""

OnData: TypeAlias = Callable[[DataSm, Reply], None]
"""A data_sm, to be answered like a delivery; without this callback it is refused as an unknown command."""

OnAlert: TypeAlias = Callable[[AlertNotification], None]
"""A handset can be reached again; nobody answers that."""

OnLate: TypeAlias = Callable[[Any, Any], None]
"""The context of a request that had ended as `Unknown(NO_RESPONSE)`, and the result of the answer that came after all:
of the type that this kind of request has."""


class Callbacks(msgspec.Struct, frozen=True, kw_only=True):
    """What the application wants to be told; see `connect`."""

    on_deliver: OnDeliver
    on_data: OnData | None = None
    on_alert: OnAlert | None = None
    on_late: OnLate | None = None
    on_writable: Callable[[], None] | None = None
    on_closed: Callable[[Ending], None] | None = None


class Bind(Session):
    """One bound session to an operator; made by `connect`.

    `send` is the hot path: no future, no task, the callback runs inside the read that brought the answer. `submit` is
    the same for code that would rather await. They and the other requests raise `WindowFull`, `NotBound`,
    `WrongDirection` or `UnencodablePdu` before anything is written; their futures get the one result and never an
    exception, and cancelling one recalls nothing.
    """

    _request_id: ClassVar[int] = SUBMIT_SM

    def __init__(self, settings: BindSettings, clock: Clock, callbacks: Callbacks) -> None:
        super().__init__(settings.session, clock)
        self._bind_settings = settings
        self._callbacks = callbacks

    def __repr__(self) -> str:
        return f"Bind({self._bind_settings!r}, in_flight={self.in_flight})"

    def send(self, message: SubmitSm, context: Any, on_result: OnResult) -> None:
        """Submit; later call `on_result(context, result)` exactly once. It must not raise, block or take long."""
        self._send(message, context, on_result)

    def submit(self, message: SubmitSm) -> asyncio.Future[SubmitResult]:
        """Submit one message."""
        return self._send_for_future(message)

    def submit_multi(self, request: SubmitMulti) -> asyncio.Future[MultiResult]:
        """Submit one message to many; the answer names those it was not taken for."""
        return self._ask(request)

    def data(self, request: DataSm) -> asyncio.Future[SubmitResult]:
        """Send a `data_sm`."""
        return self._ask(request)

    def query(self, request: QuerySm) -> asyncio.Future[QueryResult]:
        """Ask what became of a message."""
        return self._ask(request)

    def cancel(self, request: CancelSm) -> asyncio.Future[SubmitResult]:
        """Take a message back."""
        return self._ask(request)

    def replace(self, request: ReplaceSm) -> asyncio.Future[SubmitResult]:
        """Replace a message that has not been delivered."""
        return self._ask(request)

    async def bind(self) -> None:
        """Send the bind and wait for the answer. Raises `BindRefused`, or `ConnectFailed` when the link is lost."""
        settings = self._bind_settings
        request = BindRequest(
            system_id=_latin1(settings.system_id),
            password=_latin1(settings.password),
            system_type=_latin1(settings.system_type),
            interface_version=settings.interface_version,
            addr_ton=settings.addr_ton,
            addr_npi=settings.addr_npi,
            address_range=_latin1(settings.address_range),
        )
        answer: asyncio.Future[int] = self._loop.create_future()
        self._asked = (settings.mode, answer)
        self._write(encode_bind(settings.mode, self._window.sequence(), request))
        either: list[asyncio.Future[Any]] = [answer, self.closed]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise ConnectFailed(f"the link ended before the bind was answered: {self.closed.result()}")
        if answer.result():
            raise BindRefused(answer.result())

    def _on_request(self, command_id: int, sequence: int, body: bytes) -> None:
        if command_id == DELIVER_SM:
            message = decode_deliver_sm(body)
            if message.tail:
                self._note("TLV with a wrong length")
            self._take(command_id, sequence, self._callbacks.on_deliver, message, on_error=ESME_RX_T_APPN)
        elif command_id == DATA_SM and self._callbacks.on_data is not None:
            request = decode_request(command_id, body)
            if isinstance(request, DataSm) and request.tail:
                self._note("TLV with a wrong length")
            self._take(command_id, sequence, self._callbacks.on_data, request, on_error=ESME_RX_T_APPN)
        elif command_id == ALERT_NOTIFICATION:
            alert = decode_alert(body)
            if self._callbacks.on_alert is not None:
                self._tell(self._callbacks.on_alert, alert)
        else:
            self._write(encode_header(GENERIC_NACK, ESME_RINVCMDID, sequence))

    def _on_late(self, context: Any, result: Result) -> None:
        if self._callbacks.on_late is not None:
            self._callbacks.on_late(context, result)

    def _on_writable(self) -> None:
        if self._callbacks.on_writable is not None:
            self._callbacks.on_writable()

    def _on_end(self, ending: Ending) -> None:
        super()._on_end(ending)
        if self._callbacks.on_closed is not None and self.mode is not None:
            self._tell(self._callbacks.on_closed, ending)


async def connect(
    settings: BindSettings,
    *,
    on_deliver: OnDeliver,
    on_data: OnData | None = None,
    on_alert: OnAlert | None = None,
    on_late: OnLate | None = None,
    on_writable: Callable[[], None] | None = None,
    on_closed: Callable[[Ending], None] | None = None,
    clock: Clock | None = None,
) -> Bind:
    """Connect and bind within `timers.connect` seconds.

    Raises `BindRefused` (with the numeric status), `BindTimedOut`, `ConnectFailed` (TCP, TLS, name), or
    `UnencodablePdu` for credentials that do not fit. All callbacks are plain functions on the event loop; `on_deliver`
    may be called before this returns. `on_closed` is called once, after every open request was told, and only for a
    bind that stood; `on_writable` when `free` has come back above 0.
    """
    callbacks = Callbacks(
        on_deliver=on_deliver,
        on_data=on_data,
        on_alert=on_alert,
        on_late=on_late,
        on_writable=on_writable,
        on_closed=on_closed,
    )
    bind = Bind(settings, clock or SystemClock(), callbacks)
    connected = False
    try:
        async with asyncio.timeout(settings.session.timers.connect):
            await asyncio.get_running_loop().create_connection(
                lambda: bind,
                settings.host,
                settings.port,
                ssl=settings.ssl,
                server_hostname=settings.server_hostname if settings.ssl is not None else None,
            )
            connected = True
            await bind.bind()
    except TimeoutError as error:
        bind.abort()
        if connected:
            raise BindTimedOut(f"{settings!r} did not answer the bind in time") from error
        raise ConnectFailed(f"{settings!r} did not connect in time") from error
    except OSError as error:
        raise ConnectFailed(f"{settings!r}: {type(error).__name__} {error.errno or ''}".rstrip()) from error
    except BaseException:
        bind.abort()
        raise
    return bind


def _latin1(value: str) -> bytes:
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError as error:
        raise UnencodablePdu("a credential is not Latin-1") from error
