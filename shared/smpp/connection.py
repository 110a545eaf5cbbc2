"""One TCP or TLS connection as a stream of frames: framing, joined writes, back-pressure, one timer, one end."""

from __future__ import annotations

import asyncio
import socket
import ssl
from abc import ABC, abstractmethod
from collections import Counter, deque
from typing import Any, cast

from shared.clock import Clock
from shared.smpp.framing import Frame, Framer
from shared.smpp.results import Ending
from shared.smpp.settings import SessionSettings
from shared.telemetry.logs import get_log

_log = get_log()

_HELD_WRITES = 1024 * 1024
"""Octets the peer may leave unread before its requests are no longer read: far above any window of short messages."""

_JOINED = 16
"""PDUs written while one read is handled that leave together. More of them would keep the peer waiting with nothing to
do: at window 50, 100,000 messages/s instead of 210,000, for 5 % less CPU."""

_AT_ONCE = 256
"""Octets above which uvloop writes in the midst of a turn instead of at its end."""


class Connection(asyncio.Protocol, ABC):
    """Hands frames on in order and one at a time, as long as the application keeps up (rule 12).

    Reading stops at `max_unanswered` open requests of the peer; frames already read wait their turn. Writes are joined,
    at most those of one turn of the loop. `closed` gets the reason once the connection is really gone; it never holds
    an exception. `oddities` counts by name what the peer did that is wrong but harmless; the first of each kind is
    logged.
    """

    def __init__(self, settings: SessionSettings, clock: Clock) -> None:
        self._loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[Ending] = self._loop.create_future()
        self.oddities: Counter[str] = Counter()
        self._settings = settings
        self._clock = clock
        self._transport: asyncio.Transport | None = None
        self._framer = Framer()
        self._frames: deque[Frame] = deque()
        self._unanswered = 0
        self._reading = True
        self._out: list[bytes] = []
        self._write_paused = False
        self._ending: Ending | None = None
        self._ended_at = 0.0
        self._heard_at = self._reading_since = clock.monotonic()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def unanswered(self) -> int:
        """The peer's requests that the application has not answered yet."""
        return self._unanswered

    @property
    def peer(self) -> str:
        """The peer's address, `host:port`; empty before the connection."""
        name = self._extra("peername")
        return f"{name[0]}:{name[1]}" if name else ""

    @property
    def tls(self) -> ssl.SSLObject | None:
        """The TLS session, for the peer's certificate; None without TLS."""
        session: ssl.SSLObject | None = self._extra("ssl_object")
        return session

    def abort(self) -> None:
        """Drop the connection at once, without flushing."""
        self._end(Ending.UNBOUND)
        if self._transport is not None:
            self._transport.abort()

    @abstractmethod
    def _on_frame(self, command_id: int, status: int, sequence: int, body: bytes) -> None:
        """One whole PDU."""

    @abstractmethod
    def _on_turn(self) -> None:
        """Something may have become possible: frames were handled, or the peer reads again."""

    @abstractmethod
    def _on_sweep(self, now: float) -> None:
        """The timer ticked while the connection is open and being read."""

    @abstractmethod
    def _on_end(self, ending: Ending) -> None:
        """No frame will be read or written any more; called once, before the connection is gone."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop."""
        self._transport = cast("asyncio.Transport", transport)
        tcp = transport.get_extra_info("socket")
        if tcp is not None:
            tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.tls is None:
            self._transport.set_write_buffer_limits(high=_AT_ONCE)
        self._timer = self._loop.call_later(self._settings.timers.sweep, self._sweep)

    def data_received(self, data: bytes) -> None:
        """Called by the event loop."""
        if self._ending is not None:
            return
        self._heard_at = self._clock.monotonic()
        self._frames.extend(self._framer.feed(data))
        self._handle_frames()

    def pause_writing(self) -> None:
        """Called by the event loop: the peer does not keep up with reading."""
        self._write_paused = True

    def resume_writing(self) -> None:
        """Called by the event loop."""
        self._write_paused = False
        self._handle_frames()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop."""
        ending = self._end(Ending.LINK_LOST)
        _log.info("smpp_connection_gone", ending=ending, error=type(exc).__name__ if exc is not None else None)
        if self._timer is not None:
            self._timer.cancel()
        if not self.closed.done():
            self.closed.set_result(ending)

    def _extra(self, name: str) -> Any:
        return self._transport.get_extra_info(name) if self._transport is not None else None

    def _write(self, octets: bytes) -> None:
        """Queue one PDU; it leaves at the end of this turn of the loop, or before."""
        if self._ending is None:
            if not self._out:
                self._loop.call_soon(self._flush)
            self._out.append(octets)

    def _flush(self) -> None:
        if self._out and self._transport is not None:
            self._transport.write(b"".join(self._out))
            self._out.clear()

    def _end(self, ending: Ending) -> Ending:
        """Write what is queued and close. The first reason counts and is what comes back."""
        if self._ending is not None:
            return self._ending
        self._flush()
        self._ending = ending
        self._ended_at = self._clock.monotonic()
        self._frames.clear()
        # A TLS transport of asyncio that was closed twice, by its own reading of the end too, can be aborted no more.
        if self._transport is not None and not self._transport.is_closing():
            self._transport.close()
        self._on_end(ending)
        return ending

    def _request_answered(self) -> None:
        """The application is done with one request of the peer."""
        self._unanswered -= 1
        if not self._reading and self._unanswered == self._settings.max_unanswered - 1:
            self._loop.call_soon(self._handle_frames)

    def _handle_frames(self) -> None:
        frames, limit = self._frames, self._settings.max_unanswered
        while frames and self._unanswered < limit:
            self._on_frame(*frames.popleft())
            if len(self._out) >= _JOINED:
                self._flush()
        if self._ending is None and self._framer.broken and not frames:
            self._note("frame length out of range")
            self._end(Ending.PROTOCOL_ERROR)
        if self._ending is None:
            self._choose_reading()
            self._on_turn()

    def _choose_reading(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        reading = self._unanswered < self._settings.max_unanswered and not (
            self._write_paused and self._transport.get_write_buffer_size() > _HELD_WRITES
        )
        if reading is self._reading:
            return
        self._reading = reading
        if reading:
            self._reading_since = self._clock.monotonic()
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def _sweep(self) -> None:
        timers, now = self._settings.timers, self._clock.monotonic()
        self._timer = self._loop.call_later(timers.sweep, self._sweep)
        if self._ending is not None:
            if now - self._ended_at >= timers.close and self._transport is not None:
                self._transport.abort()
        elif self._unanswered < self._settings.max_unanswered:
            self._choose_reading()  # an answer that came right before this makes us read on only after it
            if now - max(self._heard_at, self._reading_since) >= timers.inactivity:
                self._end(Ending.PEER_SILENT)
            else:
                self._on_sweep(now)

    def _note(self, oddity: str) -> None:
        """Count something odd of the peer's; a constant phrase, never content."""
        self.oddities[oddity] += 1
        if self.oddities[oddity] == 1:
            _log.warning("smpp_oddity", oddity=oddity, peer=self.peer)
