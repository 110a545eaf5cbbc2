"""The simulated SMSC: takes submits and answers with an id, or misbehaves as it was told (`behaviour`)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

import msgspec

from shared.clock import Clock
from shared.errors import BadSettings
from shared.lifecycle import Health
from shared.smpp.constants import ESME_RINVPASWD, ESME_RINVSYSID, ESME_ROK, ESME_RQUERYFAIL
from shared.smpp.pdu import BindRequest, DeliverSm, SubmitSm
from shared.smpp.reply import Reply
from shared.smpp.requests import CancelSm, DataSm, MultiAnswer, QuerySm, ReplaceSm, Request, SubmitMulti
from shared.smpp.server import Server, ServerSession, serve
from shared.smpp.settings import SessionSettings
from simulators.smsc.behaviour import Behaviour, decide, id_of
from simulators.smsc.deliveries import Deliveries
from simulators.smsc.pace import Pace
from simulators.smsc.requests import cancel, query, replace, submit_of, submits_of
from simulators.smsc.taken import Taken
from simulators.smsc.timetable import Timetable

Answer: TypeAlias = Callable[[], object]


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What is fixed when it starts. Without `system_id` everybody may bind."""

    name: str
    smpp_port: int = 0
    system_id: str | None = None
    password: str | None = None
    bodies: int = 50_000
    """Messages kept whole for the control interface."""
    session: SessionSettings = SessionSettings(window=200, max_unanswered=100_000)

    def __repr__(self) -> str:
        return f"Options(name={self.name!r})"


class Counters(msgspec.Struct, kw_only=True):
    """What happened since the start."""

    taken: int
    duplicates: int
    refused: int
    ignored: int
    links_dropped: int
    binds: int
    binds_refused: int
    sessions: int
    receipts_pending: int
    receipts_sent: int
    receipts_taken: int
    receipts_repeated: int
    receipts_elsewhere: int
    receipts_dropped: int


class Smsc:
    """One SMSC on one port; a component with a control interface beside it (`control`)."""

    def __init__(self, options: Options, behaviour: Behaviour, clock: Clock) -> None:
        self.name = f"smsc {options.name}"
        self.options = options
        self.behaviour = behaviour
        self.taken = Taken(options.bodies)
        self._clock = clock
        self._server: Server | None = None
        self._seen = self._refused = self._ignored = self._links_dropped = self._binds = self._binds_refused = 0
        seconds = int(clock.now().timestamp())
        self._first_id = seconds * 1_000_000
        self.first_reference = seconds
        """References of incoming messages begin here: after a restart they are others."""
        self.deliveries = Deliveries(clock, lambda: self.behaviour, lambda: self._sessions)
        self._pace = Pace(clock)
        self._answers: Timetable[Answer] = Timetable(clock, _give)

    @property
    def port(self) -> int:
        """The SMPP port, once started."""
        return self._server.port if self._server is not None else self.options.smpp_port

    @property
    def counters(self) -> Counters:
        """A snapshot."""
        return Counters(
            taken=self.taken.count,
            duplicates=self.taken.duplicates,
            refused=self._refused,
            ignored=self._ignored,
            links_dropped=self._links_dropped,
            binds=self._binds,
            binds_refused=self._binds_refused,
            sessions=len(self._sessions),
            receipts_pending=self.deliveries.pending,
            receipts_sent=self.deliveries.outbox.sent + self.deliveries.elsewhere,
            receipts_taken=self.deliveries.accepted,
            receipts_repeated=self.deliveries.outbox.repeated,
            receipts_elsewhere=self.deliveries.elsewhere,
            receipts_dropped=self.deliveries.dropped,
        )

    def deliver(self, message: DeliverSm, system_id: bytes | None) -> bool:
        """Queue an incoming message for a system id, or for the first that is bound. False when nobody is."""
        receiver = system_id or next((each.system_id for each in self._sessions if each.mode is not None), None)
        if receiver is None:
            return False
        self.deliveries.add(receiver, message)
        return True

    def drop_links(self) -> int:
        """Break every link now, with whatever is still to be answered there; returns how many there were."""
        sessions = self._sessions
        for session in sessions:
            self._drop(session)
        return len(sessions)

    async def start(self) -> None:
        """Listen. Raises `BadSettings` when the port cannot be had."""
        try:
            self._server = await serve(
                "127.0.0.1",
                self.options.smpp_port,
                authenticate=self._authenticate,
                on_submit=self._on_submit,
                on_request=self._on_request,
                on_bound=self.deliveries.outbox.joined,
                on_closed=self.deliveries.outbox.left,
                on_writable=self.deliveries.outbox.writable,
                on_late=self.deliveries.outbox.late,
                system_id=self.options.name.encode("ascii", "replace"),
                settings=self.options.session,
                clock=self._clock,
            )
        except OSError as error:
            raise BadSettings("port_unavailable", f"--smpp-port: {error.strerror}") from error

    async def stop(self, deadline: float) -> None:
        """Unbind everybody; receipts that were still to come are lost with the process."""
        self.deliveries.close()
        if self._server is not None:
            await self._server.close(deadline)
        self._answers.clear()

    async def wait(self) -> None:
        """It never ends by itself."""
        await asyncio.Event().wait()

    def health(self) -> Health:
        """Ready while it listens."""
        return Health(ready=self._server is not None, reason="" if self._server is not None else "not listening")

    async def _authenticate(self, _: ServerSession, bind: BindRequest) -> int:
        status = ESME_ROK
        if self.options.system_id is not None and bind.system_id != self.options.system_id.encode("latin-1", "replace"):
            status = ESME_RINVSYSID
        elif self.options.password is not None and bind.password != self.options.password.encode("latin-1", "replace"):
            status = ESME_RINVPASWD
        self._binds += not status
        self._binds_refused += bool(status)
        return status

    @property
    def _sessions(self) -> Sequence[ServerSession]:
        return self._server.sessions if self._server is not None else ()

    def _on_submit(self, session: ServerSession, message: SubmitSm, reply: Reply) -> None:
        answer = self._take(session, [message])
        if answer is not None:
            status, message_id, after = answer
            self._answer(partial(reply, status, message_id), after)

    def _on_request(self, session: ServerSession, request: Request, reply: Reply) -> None:
        match request:
            case DataSm():
                self._on_submit(session, submit_of(request), reply)
            case SubmitMulti():
                submits, unsuccessful = submits_of(request)
                if (taken := self._take(session, submits)) is not None:
                    status, message_id, after = taken
                    answer = MultiAnswer(message_id, tuple(unsuccessful))
                    self._answer(partial(reply, status) if status else partial(reply.answer, answer), after)
            case QuerySm():
                found = query(self.taken, request)
                if found is None:
                    reply(ESME_RQUERYFAIL)
                else:
                    reply.answer(found)
            case CancelSm():
                reply(cancel(self.taken, request))
            case ReplaceSm():
                reply(replace(self.taken, request))

    def _take(self, session: ServerSession, messages: Sequence[SubmitSm]) -> tuple[int, bytes, float] | None:
        """Take what one request brought under one id: status, id, and after how many seconds to answer; None when
        nobody is to be answered.
        """
        self._seen += 1
        receipt_wanted = messages[0].registered_delivery if messages else 0
        decision = decide(self.behaviour, self._seen, receipt_wanted, self._pace.next())
        number = self._first_id + id_of(self.behaviour, self._seen)
        for message in messages if decision.status == ESME_ROK else ():
            taken = self.taken.add(message, number, session.system_id, self._clock.now())
            if decision.receipts_after:
                self.deliveries.plan(taken, decision, session)
            else:
                taken.state = self.behaviour.receipt_state
        if decision.drop:
            self._drop(session)
            return None
        if decision.status is None:
            self._ignored += 1
            return None
        if decision.status != ESME_ROK:
            self._refused += 1
            return decision.status, b"", decision.answer_after
        return ESME_ROK, self.behaviour.id_format.write(number), decision.answer_after

    def _drop(self, session: ServerSession) -> None:
        self._links_dropped += 1
        session.abort()

    def _answer(self, answer: Answer, after: float) -> None:
        if after:
            self._answers.add(after, answer)
        else:
            answer()


def _give(answer: Answer) -> None:
    answer()
