"""The SMSC's end: listen, keep the sessions, within limits."""

from __future__ import annotations

import asyncio
import ssl as tls
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from shared.clock import Clock, SystemClock
from shared.listening import end_listening
from shared.smpp.errors import ConnectFailed
from shared.smpp.pdu import Outbind
from shared.smpp.results import Ending
from shared.smpp.server_session import Admit, Authenticate, OnRequest, OnSubmit, ServerEvents, ServerSession
from shared.smpp.settings import ServerLimits, SessionSettings

__all__ = ["Server", "ServerSession", "serve"]


class Server:
    """A listening SMSC; made by `serve`."""

    def __init__(
        self,
        system_id: bytes,
        limits: ServerLimits,
        connect_timeout: float,
        factory: Callable[[Server], ServerSession],
    ) -> None:
        self.system_id = system_id
        self.port = 0
        """The port it listens on, also when asked for port 0."""
        self._limits = limits
        self._connect_timeout = connect_timeout
        self._factory = factory
        self._sessions: dict[ServerSession, bool] = {}
        self._binds: Counter[bytes] = Counter()
        self._listener: asyncio.Server | None = None

    @property
    def sessions(self) -> Sequence[ServerSession]:
        """Every open connection, bound or not."""
        return tuple(self._sessions)

    async def listen(self, host: str, port: int, ssl: tls.SSLContext | None) -> None:
        """Open the listening socket. Raises `OSError` when the port is taken."""
        loop = asyncio.get_running_loop()
        handshake = self._connect_timeout if ssl is not None else None
        self._listener = await loop.create_server(
            lambda: self._factory(self), host, port, ssl=ssl, ssl_handshake_timeout=handshake
        )
        self.port = self._listener.sockets[0].getsockname()[1]

    async def outbind(
        self, host: str, port: int, outbind: Outbind, *, ssl: tls.SSLContext | None = None
    ) -> ServerSession:
        """Connect to an ESME and ask it to bind; `authenticate` decides on the bind, `on_bound` tells that it stands.

        Raises `ConnectFailed`. An ESME that does not bind is left after `timers.connect`, like any other.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._connect_timeout):
                _, session = await loop.create_connection(lambda: self._factory(self), host, port, ssl=ssl)
        except OSError as error:
            raise ConnectFailed(f"outbind: {type(error).__name__} {error.errno or ''}".rstrip()) from error
        session.ask_to_bind(outbind)
        return session

    async def close(self, deadline: float) -> None:
        """Stop listening and unbind every session, all within `deadline` seconds."""
        if self._listener is not None:
            await end_listening(self._listener)
        await asyncio.gather(*(session.unbind(deadline) for session in self.sessions))
        for session in self.sessions:
            session.abort()

    def joined(self, session: ServerSession) -> bool:
        """A connection came; False when too many have not bound."""
        if len(self._sessions) - self._binds.total() >= self._limits.unbound:
            return False
        self._sessions[session] = False
        return True

    def bound(self, session: ServerSession) -> bool:
        """A bind is to stand; False when its system id has enough of them."""
        if self._binds[session.system_id] >= self._limits.binds:
            return False
        self._binds[session.system_id] += 1
        self._sessions[session] = True
        return True

    def left(self, session: ServerSession) -> None:
        """A connection is gone."""
        if self._sessions.pop(session, False):
            self._binds[session.system_id] -= 1
            if not self._binds[session.system_id]:
                del self._binds[session.system_id]


async def serve(
    host: str,
    port: int,
    *,
    authenticate: Authenticate,
    on_submit: OnSubmit,
    on_request: OnRequest | None = None,
    admit: Admit | None = None,
    on_bound: Callable[[ServerSession], None] | None = None,
    on_closed: Callable[[ServerSession, Ending], None] | None = None,
    on_writable: Callable[[ServerSession], None] | None = None,
    on_late: Callable[[ServerSession, Any, Any], None] | None = None,
    ssl: tls.SSLContext | None = None,
    system_id: bytes = b"budstikke",
    settings: SessionSettings | None = None,
    limits: ServerLimits | None = None,
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
        on_request=on_request,
        admit=admit,
        on_bound=on_bound,
        on_closed=on_closed,
        on_writable=on_writable,
        on_late=on_late,
    )
    session_settings, time = settings or SessionSettings(), clock or SystemClock()
    server = Server(
        system_id,
        limits or ServerLimits(),
        session_settings.timers.connect,
        lambda house: ServerSession(session_settings, time, events, house),
    )
    await server.listen(host, port, ssl)
    return server
