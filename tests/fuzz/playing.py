"""Play a case on a real session over a line in memory, and raise Broken as soon as something does not hold.

What must hold: no error escapes; nothing is kept beyond its bound; a request of the peer is answered at most once, and
once in the end; a request of ours ends exactly once, as the peer said or unknown; the stream is followed to its next
PDU, or the link is closed.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from structlog.testing import capture_logs

from shared.smpp import codec
from shared.smpp.addresses import Address
from shared.smpp.client import Bind, Callbacks
from shared.smpp.constants import DELIVER_SM, ENQUIRE_LINK, ENQUIRE_LINK_RESP, ESME_ROK, MAX_PDU_LENGTH, SUBMIT_SM
from shared.smpp.errors import BindRefused, ConnectFailed, NotBound, UnencodablePdu, WindowFull, WrongDirection
from shared.smpp.pdu import BindRequest, DeliverSm, SubmitSm
from shared.smpp.reply import Reply
from shared.smpp.requests import AlertNotification, CancelSm, DataSm, QuerySm, ReplaceSm, SubmitMulti
from shared.smpp.results import Ending, Result, Unknown
from shared.smpp.server import Server
from shared.smpp.server_session import ServerEvents, ServerSession
from shared.smpp.settings import BindSettings, ServerLimits, SessionSettings, Timers
from tests.fuzz.case import Abort, Answer, Ask, Case, Drain, Feed, Flood, Lose, Send, Side, Stall, Step, Unbind, Wait
from tests.fuzz.line import CHUNK, QuickLoop, Wire
from tests.fuzz.watched import Broken, Watched

_HELD = MAX_PDU_LENGTH + 2 * CHUNK
_UNREAD = 2 * 1024 * 1024
_PROBE = 0x7ABCDEF1
_LONGEST_DECISION = 3
"""Seconds that the application thinks about a bind, at most."""
_REFUSALS = (NotBound, UnencodablePdu, WindowFull, WrongDirection)
_TIMERS = Timers(connect=10, response=10, enquire=30, inactivity=120, close=5, sweep=1)
_ASKED = (
    QuerySm(b"7"),
    CancelSm(b"", b"7"),
    ReplaceSm(b"7"),
    DataSm(),
    SubmitMulti(destinations=(Address(1, 1, b"4799999999"),)),
)


def play(case: Case) -> None:
    """Play to the end. Raises Broken."""
    loop = QuickLoop()
    try:
        with capture_logs():
            loop.run_until_complete(_Play(case, loop).run())
    finally:
        loop.close()


class _Play:
    """One session, its application and its peer."""

    def __init__(self, case: Case, loop: QuickLoop) -> None:
        self._case = case
        self._loop = loop
        self._watched = Watched()
        self._errors: list[str] = []
        self._replies: list[Reply] = []
        self._sent = 0
        self._results: Counter[int] = Counter()
        self._ended: dict[int, Result] = {}
        self._late: Counter[int] = Counter()
        self._asked: list[asyncio.Future[Any]] = []
        self._closed = 0
        self._tasks: list[asyncio.Task[Any]] = []
        self._seen = 0
        self._leaving = False

    async def run(self) -> None:
        self._loop.set_exception_handler(lambda _, context: self._errors.append(repr(context)))
        self._session = self._client() if self._case.side is Side.CLIENT else self._server()
        self._wire = Wire(self._session, self._loop, self._watched.give)
        if isinstance(self._session, Bind):
            self._tasks.append(self._loop.create_task(self._bind(self._session)))
        await self._settle()
        for step in self._case.steps:
            await self._do(step)
            await self._settle()
            self._check()
        await self._end()

    def _settings(self) -> SessionSettings:
        return SessionSettings(window=self._case.window, max_unanswered=self._case.max_unanswered, timers=_TIMERS)

    def _client(self) -> Bind:
        settings = BindSettings(
            host="", port=0, system_id="me", password="secret", mode=self._case.mode, session=self._settings()
        )
        callbacks = Callbacks(
            on_deliver=self._on_request,
            on_data=self._on_request,
            on_alert=lambda _: None,
            on_late=self._on_late,
            on_closed=self._on_closed,
        )
        return Bind(settings, self._loop, callbacks)

    async def _bind(self, session: Bind) -> None:
        try:
            async with asyncio.timeout(_TIMERS.connect):
                await session.bind()
        except (TimeoutError, ConnectFailed, BindRefused):
            session.abort()

    def _server(self) -> ServerSession:
        async def authenticate(_: ServerSession, bind: BindRequest) -> int:
            await asyncio.sleep(len(bind.system_type) % _LONGEST_DECISION)
            return ESME_ROK if len(bind.password) % 2 == 0 else 0x0E

        events = ServerEvents(
            authenticate=authenticate,
            on_submit=lambda _, message, reply: self._on_request(message, reply),
            on_request=lambda _, request, reply: self._on_request(request, reply),
            on_late=lambda _, context, result: self._on_late(context, result),
            on_closed=lambda _, ending: self._on_closed(ending),
        )
        settings = self._settings()
        house = Server(b"us", ServerLimits(), _TIMERS.connect, lambda _: self._session)  # type: ignore[arg-type, return-value]
        return ServerSession(settings, self._loop, events, house)

    def _on_request(self, _: object, reply: Reply) -> None:
        if self._wire.is_closing():
            raise Broken("a request was taken that can never be answered")
        self._replies.append(reply)
        if self._case.answering:
            self._reply(len(self._replies) - 1, ESME_ROK, b"7")

    def _reply(self, which: int, status: int, message_id: bytes) -> None:
        reply = self._replies.pop(which)
        reply(status, message_id)
        if reply(ESME_ROK, b"again"):
            raise Broken("a second answer to one request was taken")

    def _on_result(self, context: int, result: Result) -> None:
        self._results[context] += 1
        self._ended[context] = result

    def _on_late(self, context: object, _: Result) -> None:
        if isinstance(context, int):
            self._late[context] += 1

    def _on_closed(self, _: Ending) -> None:
        self._closed += 1

    async def _do(self, step: Step) -> None:
        match step:
            case Feed(octets):
                self._wire.send(bytes.fromhex(octets))
            case Flood(octets, times):
                self._wire.send(bytes.fromhex(octets) * times)
            case Send(count):
                for _ in range(count):
                    self._send()
            case Ask(kind):
                self._ask(kind)
            case Answer(which, status, message_id):
                if self._replies:
                    self._reply(which % len(self._replies), status, bytes.fromhex(message_id))
            case Wait(seconds):
                await asyncio.sleep(seconds)
            case Stall():
                self._wire.stall()
            case Drain():
                self._wire.drain()
            case Lose():
                self._wire.lose(ConnectionResetError())
            case Unbind(deadline):
                self._leaving = True
                self._tasks.append(self._loop.create_task(self._session.unbind(deadline)))
            case Abort():
                self._session.abort()

    def _send(self) -> None:
        room = self._session.free
        try:
            if isinstance(self._session, Bind):
                self._session.send(SubmitSm(short_message=b"hei"), self._sent, self._on_result)
            else:
                self._session.send(DeliverSm(short_message=b"hei"), self._sent, self._on_result)
        except _REFUSALS as error:
            if room:
                raise Broken(f"there was room for {room}, and then {error!r}") from error
        else:
            self._sent += 1

    def _ask(self, kind: int) -> None:
        request = _ASKED[kind]
        try:
            if isinstance(self._session, ServerSession):
                self._asked.append(self._session.data(DataSm()))
                self._session.alert(AlertNotification())
            else:
                self._asked.append(self._session._ask(request))
        except _REFUSALS:
            return

    async def _settle(self) -> None:
        """Let everything happen that needs no time."""
        while True:
            for _ in range(4):
                await asyncio.sleep(0)
            self._watched.take(bytes(self._wire.written[self._seen :]))
            self._seen = len(self._wire.written)
            if not self._wire.pump():
                return

    def _check(self) -> None:
        session = self._session
        if self._errors:
            raise Broken(f"an error escaped: {self._errors[0]}")
        held = len(session._framer._rest) + sum(16 + len(frame[3]) for frame in session._frames)
        for name, size, bound in (
            ("octets held", held, _HELD),
            ("octets unread by the peer", self._wire.unread, _UNREAD),
            ("requests of the peer", session.unanswered, self._case.max_unanswered),
            ("requests of ours", session.in_flight, self._case.window),
            ("late requests", len(session._window._late), self._case.window),
            ("kinds of oddities", len(session.oddities), 20),
        ):
            if size > bound:
                raise Broken(f"{name}: {size}, of {bound} at most")
        if twice := [context for counts in (self._results, self._late) for context in counts if counts[context] > 1]:
            raise Broken(f"told twice of request {twice[0]}")
        if session.unanswered != len(self._replies):
            raise Broken(f"{session.unanswered} requests are counted, {len(self._replies)} wait")
        if session.free and (self._leaving or self._wire.is_closing()):
            raise Broken("there is room on a session that ends")
        blocked = session.unanswered >= self._case.max_unanswered
        if self._watched.given.broken and not self._wire.is_closing() and not blocked:
            raise Broken("the stream cannot be followed, and the link is open")

    async def _end(self) -> None:
        """The peer reads all, the application answers all: then a probe is answered, or the link is closed."""
        self._wire.drain()
        await self._answer_all()
        while (missing := self._watched.given.missing()) and not self._wire.is_closing():
            self._wire.send(bytes(missing))
            await self._answer_all()
            if self._watched.given.missing() == missing and not self._wire.is_closing():
                raise Broken("nothing is read any more, and the link is open")
        if not self._wire.is_closing():
            self._wire.send(codec.encode_header(ENQUIRE_LINK, ESME_ROK, _PROBE))
            await asyncio.sleep(_LONGEST_DECISION)
            await self._answer_all()
            probed = (ENQUIRE_LINK_RESP, ESME_ROK, _PROBE, b"") in self._watched.taken.frames
            if not probed and not self._wire.is_closing():
                raise Broken("the probe was not answered, and the link is open")
            if (unanswered := self._watched.unanswered()) and not self._wire.is_closing():
                raise Broken(f"the peer's request {unanswered[0]} was never answered")
        self._check()
        self._wire.lose()
        await self._settle()
        await asyncio.wait_for(asyncio.gather(*self._tasks), 60)
        self._check()
        self._account()

    async def _answer_all(self) -> None:
        await self._settle()
        while self._replies:
            self._reply(0, ESME_ROK, b"")
            await self._settle()

    def _account(self) -> None:
        session = self._session
        if not session.closed.done() or session.in_flight:
            raise Broken("the link is gone, and the session does not know")
        if self._closed != (session.mode is not None):
            raise Broken(f"told {self._closed} times that it ended")
        if missing := [context for context in range(self._sent) if self._results[context] != 1]:
            raise Broken(f"request {missing[0]} has {self._results[missing[0]]} outcomes")
        if any(not future.done() or future.exception() is not None for future in self._asked):
            raise Broken("a request has no result")
        request_id = SUBMIT_SM if isinstance(session, Bind) else DELIVER_SM
        written = self._watched.requests(request_id)
        for context, sequence in enumerate(written):
            result = self._ended[context]
            if not self._watched.explains(request_id, sequence, result):
                raise Broken(f"request {context} ended as {type(result).__name__}, which the peer never said")
        for context in range(len(written), self._sent):
            if not isinstance(self._ended[context], Unknown):
                raise Broken(f"request {context} was never written, and ended as taken or refused")
