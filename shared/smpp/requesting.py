"""Our requests on a connection: room for them, their answers, their end without an answer (rules 6, 7)."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from typing import Any, ClassVar

from shared.clock import Clock
from shared.smpp.answers import read_answer
from shared.smpp.codec import encode_message, encode_request
from shared.smpp.connection import Connection
from shared.smpp.constants import GENERIC_NACK, RESPONSE_BIT
from shared.smpp.errors import WindowFull
from shared.smpp.pdu import ShortMessage
from shared.smpp.requests import Request
from shared.smpp.results import THROTTLING, Ending, Result, SubmitResult, Unknown
from shared.smpp.settings import SessionSettings
from shared.smpp.window import Callback, OnResult, Window


class Requesting(Connection):
    """The half of a session that asks.

    A request that was written ends in exactly one result; one that raised was not written. Nothing blocks but
    `writable`.
    """

    _request_id: ClassVar[int]
    """The request of our hot path: submit_sm or deliver_sm. Whatever a bind carries of ours, goes where this goes."""

    def __init__(self, settings: SessionSettings, clock: Clock) -> None:
        super().__init__(settings, clock)
        self.throttled_at: float | None = None
        """When the peer last asked for patience (`Refused.throttled`), in monotonic seconds."""
        self._window = Window(settings.window)
        self._open = False
        self._full = False
        self._writable_waiters: list[asyncio.Future[None]] = []

    @property
    def free(self) -> int:
        """How many requests would be taken now: 0 when not bound, bound the other way, closing, or not being read."""
        return self._window.free if self._open and not self._write_paused else 0

    @property
    def in_flight(self) -> int:
        """Our requests without an answer."""
        return len(self._window)

    def pause_writing(self) -> None:
        """Called by the event loop."""
        super().pause_writing()
        self._full = True

    async def writable(self) -> None:
        """Return once `free` is above 0. Raises `NotBound` when that cannot come any more."""
        while not self.free:
            self._must_be_open()
            waiter: asyncio.Future[None] = self._loop.create_future()
            self._writable_waiters.append(waiter)
            self._full = True
            await waiter

    @abstractmethod
    def _must_be_open(self) -> None:
        """Raise unless the bind stands and carries our requests."""

    def _on_late(self, context: Any, result: Result) -> None:
        """An answer came after its request had ended as `Unknown(NO_RESPONSE)`."""

    def _on_writable(self) -> None:
        """`free` is above 0 again."""

    def _send(self, message: ShortMessage, context: Any, on_result: OnResult) -> None:
        self._must_have_room()
        sequence = self._window.sequence()
        self._sent(self._request_id, sequence, encode_message(self._request_id, sequence, message), context, on_result)

    def _send_for_future(self, message: ShortMessage) -> asyncio.Future[SubmitResult]:
        future: asyncio.Future[SubmitResult] = self._loop.create_future()
        self._send(message, future, _resolve)
        return future

    def _ask(self, request: Request) -> asyncio.Future[Any]:
        self._must_have_room()
        future: asyncio.Future[Any] = self._loop.create_future()
        sequence = self._window.sequence()
        self._sent(request.command_id, sequence, encode_request(sequence, request), future, _resolve)
        return future

    def _must_have_room(self) -> None:
        if not self.free:
            self._must_be_open()
            self._full = True
            raise WindowFull

    def _sent(self, request_id: int, sequence: int, octets: bytes, context: Any, on_result: Callback) -> None:
        self._window.take(sequence, request_id, context, on_result, self._clock.monotonic())
        self._write(octets)
        self._full = self._full or not self._window.free

    def _on_response(self, command_id: int, status: int, sequence: int, body: bytes) -> None:
        result, oddity = read_answer(command_id, status, body)
        if oddity:
            self._note(oddity)
        if status in THROTTLING:
            self.throttled_at = self._clock.monotonic()
        request_id = command_id ^ RESPONSE_BIT if command_id != GENERIC_NACK else None
        waiting = self._window.settle(sequence, request_id)
        if waiting is not None:
            context, on_result = waiting
            self._tell(on_result, context, result)
            return
        late = self._window.settle_late(sequence, request_id)
        if late is None:
            self._note("response to nothing")
        else:
            self._tell(self._on_late, late[0], result)

    def _expire(self, sent_before: float) -> None:
        """End every request sent before this time."""
        for context, on_result in self._window.expire(sent_before):
            self._tell(on_result, context, Unknown(Ending.NO_RESPONSE))

    def _room_again(self) -> None:
        """Tell once that `free` has come back above 0."""
        if self._full and self.free:
            self._full = False
            self._wake_writers()
            self._tell(self._on_writable)

    def _on_end(self, ending: Ending) -> None:
        self._open = False
        for context, on_result in self._window.drain():
            self._tell(on_result, context, Unknown(ending))
        self._wake_writers()

    def _tell(self, callback: Callback, *arguments: object) -> bool:
        """Call the application; its error is reported to the loop and keeps nobody else from being told."""
        try:
            callback(*arguments)
        except Exception as error:
            self._loop.call_exception_handler({"message": "error in an SMPP callback", "exception": error})
            return False
        return True

    def _wake_writers(self) -> None:
        waiters, self._writable_waiters = self._writable_waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)


def _resolve(future: asyncio.Future[Any], result: object) -> None:
    if not future.done():
        future.set_result(result)
