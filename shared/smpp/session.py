"""What both ends of an SMPP session do alike: bind, answer, enquire_link, unbind."""

from __future__ import annotations

import asyncio
import contextlib
from abc import abstractmethod

from shared.clock import Clock
from shared.smpp.codec import encode_header, encode_response
from shared.smpp.constants import (
    ALERT_NOTIFICATION,
    BIND_RECEIVER_RESP,
    BIND_TRANSCEIVER_RESP,
    BIND_TRANSMITTER_RESP,
    CANCEL_SM_RESP,
    DATA_SM_RESP,
    ENQUIRE_LINK,
    ENQUIRE_LINK_RESP,
    ESME_RINVCMDID,
    ESME_ROK,
    GENERIC_NACK,
    OUTBIND,
    QUERY_SM_RESP,
    REPLACE_SM_RESP,
    RESPONSE_BIT,
    SUBMIT_MULTI_RESP,
    UNBIND,
    UNBIND_RESP,
)
from shared.smpp.errors import MalformedPdu, NotBound, WrongDirection
from shared.smpp.reply import Reply
from shared.smpp.requesting import Requesting
from shared.smpp.results import Ending
from shared.smpp.settings import BindMode, SessionSettings
from shared.smpp.window import Callback

_BIND_RESPONSES = frozenset({BIND_RECEIVER_RESP, BIND_TRANSMITTER_RESP, BIND_TRANSCEIVER_RESP})
_RESPONSES = frozenset({DATA_SM_RESP, QUERY_SM_RESP, CANCEL_SM_RESP, REPLACE_SM_RESP, SUBMIT_MULTI_RESP})

_UNANSWERED = frozenset({OUTBIND, ALERT_NOTIFICATION})


class Session(Requesting):
    """A bind seen from either end. Everything runs on the connection's loop; `writable` and `unbind` alone wait."""

    def __init__(self, settings: SessionSettings, clock: Clock) -> None:
        super().__init__(settings, clock)
        self.mode: BindMode | None = None
        """None until bound."""
        self._unbinding = False
        self._unbind_sent = False
        self._idle: asyncio.Future[None] | None = None
        self._enquired_at: float | None = None
        self._asked: tuple[BindMode, asyncio.Future[int]] | None = None
        """Our own bind that waits for its answer; the accepting side never has one."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop. A peer may close instead of answering our unbind: that is a clean end."""
        if self._unbind_sent:
            self._end(Ending.UNBOUND)
        super().connection_lost(exc)

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

    def answer(self, octets: bytes) -> bool:
        """Send the response to a request of the peer: what `Reply` does."""
        self._request_answered()
        if self._ending is not None:
            return False
        self._write(octets)
        self._wake_idle()
        return True

    @abstractmethod
    def _on_request(self, command_id: int, sequence: int, body: bytes) -> None:
        """A request other than enquire_link and unbind. Raises `MalformedPdu` to have the matching error sent."""

    def _bound(self, mode: BindMode) -> None:
        self.mode = mode
        self._open = mode.carries(self._request_id)

    def _must_be_open(self) -> None:
        if self._open:
            return
        if self.mode is None or self._unbinding or self._ending is not None:
            raise NotBound
        raise WrongDirection(f"a {self.mode.name.lower()} bind does not carry this request")

    def _take(self, request_id: int, sequence: int, callback: Callback, *arguments: object, on_error: int) -> None:
        """Hand one request of the peer to the application: `callback(*arguments, reply)`."""
        self._unanswered += 1
        reply = Reply(self, request_id, sequence)
        if not self._tell(callback, *arguments, reply):
            reply(on_error)

    def _on_frame(self, command_id: int, status: int, sequence: int, body: bytes) -> None:
        if command_id == self._request_id | RESPONSE_BIT or command_id in _RESPONSES:
            self._on_response(command_id, status, sequence, body)
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
                if command_id not in _UNANSWERED:
                    self._write(encode_response(command_id, error.status, sequence))

    def _on_other_response(self, command_id: int, status: int, sequence: int) -> None:
        if command_id in _BIND_RESPONSES:
            self._on_bind_answer(status)
        elif command_id == UNBIND_RESP and self._unbind_sent:
            self._end(Ending.UNBOUND)
        elif command_id == GENERIC_NACK:
            if self.mode is None:
                self._on_bind_answer(status or ESME_RINVCMDID)
            else:
                self._on_response(command_id, status or ESME_RINVCMDID, sequence, b"")
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
        self._room_again()
        self._wake_idle()

    def _on_sweep(self, now: float) -> None:
        timers = self._settings.timers
        if self._enquired_at is not None and self._heard_at >= self._enquired_at:
            self._enquired_at = None
        if self._reading_since <= now - timers.response:
            self._expire(now - timers.response)
            if self._enquired_at is not None and now - self._enquired_at >= timers.response:
                self._end(Ending.PEER_SILENT)
                return
        if self._enquired_at is None and now - max(self._heard_at, self._reading_since) >= timers.enquire:
            self._enquired_at = now
            self._write(encode_header(ENQUIRE_LINK, ESME_ROK, self._window.sequence()))
        self._on_turn()

    def _on_end(self, ending: Ending) -> None:
        super()._on_end(ending)
        self._wake_idle()

    async def _all_answered(self) -> None:
        while (self.in_flight or self._unanswered) and self._ending is None:
            self._idle = self._idle or self._loop.create_future()
            await asyncio.shield(self._idle)

    def _wake_idle(self) -> None:
        if self._idle is not None and (self._ending is not None or not (self.in_flight or self._unanswered)):
            self._idle.set_result(None)
            self._idle = None
