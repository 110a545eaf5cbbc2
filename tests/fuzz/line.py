"""A connection without a socket, and a loop whose time passes at once: thousands of sessions a second, each alike."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from shared.smpp.connection import Connection

CHUNK = 65_536
"""Octets that one read brings at most."""


class _AtOnce(selectors.SelectSelector):
    """Instead of waiting it moves the time of its loop."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.now += timeout or 0.0
        return super().select(0)


class QuickLoop(asyncio.SelectorEventLoop):
    """A loop on which sleeping takes no time. It is its own `Clock`."""

    def __init__(self) -> None:
        self._at_once = _AtOnce()
        super().__init__(self._at_once)

    def time(self) -> float:
        return self._at_once.now

    def monotonic(self) -> float:
        return self.time()

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time(), UTC)


class Wire(asyncio.Transport):
    """The session's side of a connection; the test holds the other. It behaves as asyncio's transports do."""

    def __init__(self, session: Connection, loop: asyncio.AbstractEventLoop, on_read: Callable[[bytes], None]) -> None:
        super().__init__()
        self.written = bytearray()
        """All that the session ever wrote."""
        self.unread = 0
        """Octets of it that the peer has not read."""
        self.lost = False
        self._session = session
        self._loop = loop
        self._on_read = on_read
        self._inbox = bytearray()
        self._stalled = False
        self._paused = False
        self._reading = True
        self._closing = False
        self._high = CHUNK
        session.connection_made(self)

    def send(self, octets: bytes) -> None:
        """The peer writes; what the session does not read waits."""
        self._inbox += octets
        self.pump()

    def pump(self) -> bool:
        """Let the session read what waits, as far as it wants; whether it read anything."""
        moved = False
        while self._inbox and self._reading and not self._closing:
            chunk = bytes(self._inbox[:CHUNK])
            del self._inbox[:CHUNK]
            self._on_read(chunk)
            self._session.data_received(chunk)
            moved = True
        return moved

    def stall(self) -> None:
        """The peer stops reading."""
        self._stalled = True

    def drain(self) -> None:
        """The peer reads all, and goes on reading."""
        self._stalled = False
        self.unread = 0
        if self._closing:
            self.lose()
        elif self._paused:
            self._paused = False
            self._session.resume_writing()

    def lose(self, error: Exception | None = None) -> None:
        """The connection breaks, or has been closed."""
        self._closing = True
        if not self.lost:
            self.lost = True
            self._loop.call_soon(self._session.connection_lost, error)

    def write(self, data: Any) -> None:
        if self.lost:
            return
        self.written += data
        if not self._stalled:
            return
        self.unread += len(data)
        if self.unread > self._high and not self._paused:
            self._paused = True
            self._session.pause_writing()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._high = CHUNK if high is None else high

    def get_write_buffer_size(self) -> int:
        return self.unread

    def pause_reading(self) -> None:
        self._reading = False

    def resume_reading(self) -> None:
        self._reading = True

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        self._closing = True
        if not self.unread:
            self.lose()

    def abort(self) -> None:
        self.lose()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default
