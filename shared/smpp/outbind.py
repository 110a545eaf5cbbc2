"""The ESME's end of an outbind: an SMSC connects to us, says who it is, and we bind on its connection (3.4, 4.1.7)."""

from __future__ import annotations

import asyncio
import ssl as tls
from collections.abc import Callable
from typing import TypeAlias

from shared.clock import Clock, SystemClock
from shared.errors import BudstikkeError
from shared.listening import end_listening
from shared.smpp.client import Bind, Callbacks
from shared.smpp.codec import decode_outbind
from shared.smpp.constants import OUTBIND
from shared.smpp.pdu import Outbind
from shared.smpp.results import Ending
from shared.smpp.settings import BindSettings
from shared.telemetry.logs import get_log

_log = get_log()

Recognise: TypeAlias = Callable[[Outbind, str], bool]
"""Whether the SMSC that says this, from this address (`host:port`), is one we bind to."""


class CalledBind(Bind):
    """A bind on a connection that the SMSC made."""

    def __init__(self, settings: BindSettings, clock: Clock, callbacks: Callbacks, listener: OutbindListener) -> None:
        super().__init__(settings, clock, callbacks)
        self._listener = listener
        self._opened_at = clock.monotonic()
        self._binding: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop."""
        super().connection_made(transport)
        self._listener.open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop."""
        super().connection_lost(exc)
        self._listener.open.discard(self)

    def _on_request(self, command_id: int, sequence: int, body: bytes) -> None:
        if command_id != OUTBIND or self._binding is not None:
            super()._on_request(command_id, sequence, body)
        elif self._listener.recognise(decode_outbind(body), self.peer):
            self._binding = self._loop.create_task(self._answer())
        else:
            self._end(Ending.NEVER_BOUND)

    async def _answer(self) -> None:
        try:
            await self.bind()
        except BudstikkeError as error:
            _log.warning("smpp_outbind_failed", code=error.code)
            self.abort()
        else:
            self._tell(self._listener.on_bound, self)

    def _on_sweep(self, now: float) -> None:
        if self.mode is None and now - self._opened_at >= self._settings.timers.connect:
            self._end(Ending.NEVER_BOUND)
        else:
            super()._on_sweep(now)


class OutbindListener:
    """Waits for SMSCs that connect; made by `listen_for_outbinds`."""

    def __init__(self, recognise: Recognise, on_bound: Callable[[Bind], None]) -> None:
        self.recognise = recognise
        self.on_bound = on_bound
        self.open: set[CalledBind] = set()
        """Every connection, bound or not."""
        self.port = 0
        """The port it listens on, also when asked for port 0."""
        self._listener: asyncio.Server | None = None

    async def listen(
        self, factory: Callable[[], Bind], host: str, port: int, ssl: tls.SSLContext | None, connect_timeout: float
    ) -> None:
        """Open the listening socket. Raises `OSError` when the port is taken."""
        self._listener = await asyncio.get_running_loop().create_server(
            factory, host, port, ssl=ssl, ssl_handshake_timeout=connect_timeout if ssl is not None else None
        )
        self.port = self._listener.sockets[0].getsockname()[1]

    async def close(self, deadline: float) -> None:
        """Stop listening and unbind what is bound, all within `deadline` seconds."""
        if self._listener is not None:
            await end_listening(self._listener)
        await asyncio.gather(*(bind.unbind(deadline) for bind in tuple(self.open)))


async def listen_for_outbinds(
    host: str,
    port: int,
    settings: BindSettings,
    callbacks: Callbacks,
    *,
    recognise: Recognise,
    on_bound: Callable[[Bind], None],
    ssl: tls.SSLContext | None = None,
    clock: Clock | None = None,
) -> OutbindListener:
    """Listen for SMSCs. Each that is recognised is sent a bind as `settings` say (their host and port mean nothing).

    `on_bound` gets every bind that stands. A connection that does not become one is left after `timers.connect`.
    """
    listener, time = OutbindListener(recognise, on_bound), clock or SystemClock()
    await listener.listen(
        lambda: CalledBind(settings, time, callbacks, listener), host, port, ssl, settings.session.timers.connect
    )
    return listener
