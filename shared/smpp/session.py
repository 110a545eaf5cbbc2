"""What both ends of an SMPP session do alike: requests under a window, answers, enquire_link, unbind."""

from __future__ import annotations

import asyncio
import contextlib
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

from shared.clock import Clock
from shared.smpp.codec import decode_response, encode_header, encode_message, encode_response
from shared.smpp.connection import Connection
from shared.smpp.constants import (
    BIND_RECEIVER_RESP,
    BIND_TRANSCEIVER_RESP,
    BIND_TRANSMITTER_RESP,
    ENQUIRE_LINK,
    ENQUIRE_LINK_RESP,
    ESME_RINVCMDID,
    ESME_ROK,
    GENERIC_NACK,
    RESPONSE_BIT,
    UNBIND,
    UNBIND_RESP,
)
from shared.smpp.errors import MalformedPdu, NotBound, WindowFull, WrongDirection
from shared.smpp.pdu import ShortMessage, Tlvs
from shared.smpp.results import Accepted, Ending, Refused, SubmitResult, Unknown
from shared.smpp.settings import BindMode, SessionSettings
from shared.smpp.window import OnResult, Window

_BIND_RESPONSES = frozenset({BIND_RECEIVER_RESP, BIND_TRANSMITTER_RESP, BIND_TRANSCEIVER_RESP})


class Reply:
    """The answer to one request of the peer, given by the application when it is ready."""

    __slots__ = ("_request_id", "_sequence", "_session")

    def __init__(self, session: Session, request_id: int, sequence: int) -> None:
        self._session: Session | None = session
        self._request_id = request_id
        self._sequence = sequence

    def __call__(self, status: int = ESME_ROK, message_id: bytes = b"", tlvs: Tlvs = ()) -> bool:
        """Send the matching response. False when one had been given before or the session is over.

        Raises `UnencodablePdu` for an id that does not fit; the answer is then still to be given.

        Accept (`ESME_ROK`) only what is stored: the peer forgets it on our word (rule 5). `message_id` belongs to
        submits; a deliver has none.
        """
        session = self._session
        if session is None:
            return False
        sent = session.answer(self._request_id, status, self._sequence, message_id, tlvs)
        self._session = None
        return sent


class Session(Connection):
    """A bind seen from either end.

    Everything runs on the connection's loop; nothing blocks but `writable` and `unbind`. A request that was written
    ends in exactly one of `Accepted`, `Refused`, `Unknown`; one that raised was not written.
    """

    _request_id: ClassVar[int]
    """The request that our window counts: submit_sm or deliver_sm."""

    def __init__(self, settings: SessionSettings, clock: Clock) -> None:
        super().__init__(settings, clock)
        self.mode: BindMode | None = None
        """None until bound."""
        self._window = Window(settings.window)
        self._open = False
        self._unbinding = False
        self._unbind_sent = False
        self._full = False
        self._writable_waiters: list[asyncio.Future[None]] = []
        self._idle: asyncio.Future[None] | None = None
        self._enquired_at: float | None = None
        self._asked: tuple[BindMode, asyncio.Future[int]] | None = None
        """Our own bind that waits for its answer; the accepting side never has one."""

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

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop. A peer may close instead of answering our unbind: that is a clean end."""
        if self._unbind_sent:
            self._end(Ending.UNBOUND)
        super().connection_lost(exc)

    async def writable(self) -> None:
        """Return once `free` is above 0. Raises `NotBound` when that cannot come any more."""
        while not self.free:
            self._must_be_open()
            waiter: asyncio.Future[None] = self._loop.create_future()
            self._writable_waiters.append(waiter)
            self._full = True
            await waiter

    async def unbind(self, deadline: float) -> None:
        """Take no more requests, let the open ones end on both sides, unbind, close: all within `deadline` seconds.

        Open requests have four fifths of it; what has no answer then ends as `Unknown(UNBOUND)`. A peer that closes
        before or instead of its unbind_resp ends cleanly too. Calling it again is harmless.
        """
        self._unbinding = True
        self._open = False
        self._wake_writers()
        if self.mode is None:
            self._end(Ending.UNBOUND)
        try:
            async with asyncio.timeout(deadline):
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(deadline * 0.8):
                        await self._all_answered()
                self._write(encode_header(UNBIND, ESME_ROK, self._window.sequence()))
                self._unbind_sent = True
                await asyncio.shield(self.closed)
        except TimeoutError:
            self.abort()
            await asyncio.shield(self.closed)

    def answer(self, request_id: int, status: int, sequence: int, message_id: bytes, tlvs: Tlvs) -> bool:
        """Send the response to a request of the peer: what `Reply` does."""
        octets = encode_response(request_id, status, sequence, message_id, tlvs)
        self._request_answered()
        if self._ending is not None:
            return False
        self._write(octets)
        self._wake_idle()
        return True

    @abstractmethod
    def _on_request(self, command_id: int, sequence: int, body: bytes) -> None:
        """A request other than enquire_link and unbind. Raises `MalformedPdu` to have the matching error sent."""

    def _on_late(self, context: Any, result: SubmitResult) -> None:
        """An answer came after its request had ended as `Unknown(NO_RESPONSE)`."""

    def _on_writable(self) -> None:
        """`free` is above 0 again."""

    def _bound(self, mode: BindMode) -> None:
        self.mode = mode
        self._open = mode.carries(self._request_id)

    def _must_be_open(self) -> None:
        if self._open:
            return
        if self.mode is None or self._unbinding or self._ending is not None:
            raise NotBound
        raise WrongDirection(f"a {self.mode.name.lower()} bind does not carry this request")

    def _send(self, message: ShortMessage, context: Any, on_result: OnResult) -> None:
        if not self.free:
            self._must_be_open()
            self._full = True
            raise WindowFull
        sequence = self._window.sequence()
        octets = encode_message(self._request_id, sequence, message)
        self._window.take(sequence, context, on_result, self._clock.monotonic())
        self._write(octets)
        self._full = self._full or not self._window.free

    def _send_for_future(self, message: ShortMessage) -> asyncio.Future[SubmitResult]:
        future: asyncio.Future[SubmitResult] = self._loop.create_future()
        self._send(message, future, _resolve)
        return future

    def _on_frame(self, command_id: int, status: int, sequence: int, body: bytes) -> None:
        if command_id == self._request_id | RESPONSE_BIT:
            self._on_response(status, sequence, body)
        elif command_id & RESPONSE_BIT:
            self._on_other_response(command_id, status, sequence)
        elif command_id == ENQUIRE_LINK:
            self._write(encode_header(ENQUIRE_LINK_RESP, ESME_ROK, sequence))
        elif command_id == UNBIND:
            self._write(encode_header(UNBIND_RESP, ESME_ROK, sequence))
            self._end(Ending.UNBOUND if self._unbinding else Ending.PEER_UNBOUND)
        else:
            try:
                self._on_request(command_id, sequence, body)
            except MalformedPdu as error:
                self._note(error.detail)
                self._write(encode_response(command_id, error.status, sequence))

    def _on_response(self, status: int, sequence: int, body: bytes) -> None:
        response = decode_response(body)
        if response.oddity:
            self._note(response.oddity)
        result = Refused(status) if status else Accepted(response.id, response.tlvs)
        waiting = self._window.settle(sequence)
        if waiting is not None:
            context, on_result = waiting
            self._tell(on_result, context, result)
            return
        late = self._window.settle_late(sequence)
        if late is None:
            self._note("response to nothing")
        else:
            self._tell(self._on_late, late[0], result)

    def _on_other_response(self, command_id: int, status: int, sequence: int) -> None:
        if command_id in _BIND_RESPONSES:
            self._on_bind_answer(status)
        elif command_id == UNBIND_RESP and self._unbind_sent:
            self._end(Ending.UNBOUND)
        elif command_id == GENERIC_NACK:
            if self.mode is None:
                self._on_bind_answer(status or ESME_RINVCMDID)
            else:
                self._on_response(status or ESME_RINVCMDID, sequence, b"")
        elif command_id != ENQUIRE_LINK_RESP:
            self._note("unknown response")

    def _on_bind_answer(self, status: int) -> None:
        if self._asked is None:
            self._note("bind response to nothing")
            return
        (mode, answer), self._asked = self._asked, None
        if not status:
            self._bound(mode)
        if not answer.done():
            answer.set_result(status)

    def _on_turn(self) -> None:
        if self._full and self.free:
            self._full = False
            self._wake_writers()
            self._tell(self._on_writable)
        self._wake_idle()

    def _on_sweep(self, now: float) -> None:
        timers = self._settings.timers
        if self._enquired_at is not None and self._heard_at >= self._enquired_at:
            self._enquired_at = None
        if self._reading_since <= now - timers.response:
            for context, on_result in self._window.expire(now - timers.response):
                self._tell(on_result, context, Unknown(Ending.NO_RESPONSE))
            if self._enquired_at is not None and now - self._enquired_at >= timers.response:
                self._end(Ending.PEER_SILENT)
                return
        if self._enquired_at is None and now - max(self._heard_at, self._reading_since) >= timers.enquire:
            self._enquired_at = now
            self._write(encode_header(ENQUIRE_LINK, ESME_ROK, self._window.sequence()))
        self._on_turn()

    def _on_end(self, ending: Ending) -> None:
        self._open = False
        for context, on_result in self._window.drain():
            self._tell(on_result, context, Unknown(ending))
        self._wake_writers()
        self._wake_idle()

    def _tell(self, callback: Callable[..., None], *arguments: object) -> bool:
        """Call the application; its error is reported to the loop and keeps nobody else from being told."""
        try:
            callback(*arguments)
        except Exception as error:
            self._loop.call_exception_handler({"message": "error in an SMPP callback", "exception": error})
            return False
        return True

    async def _all_answered(self) -> None:
        while (self.in_flight or self._unanswered) and self._ending is None:
            self._idle = self._idle or self._loop.create_future()
            await asyncio.shield(self._idle)

    def _wake_idle(self) -> None:
        if self._idle is not None and (self._ending is not None or not (self.in_flight or self._unanswered)):
            self._idle.set_result(None)
            self._idle = None

    def _wake_writers(self) -> None:
        waiters, self._writable_waiters = self._writable_waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)


def _resolve(future: asyncio.Future[SubmitResult], result: SubmitResult) -> None:
    if not future.done():
        future.set_result(result)
