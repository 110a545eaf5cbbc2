"""The simulated SMSC: takes submits, answers with an id, and sends the receipt when its time has come."""

from __future__ import annotations

import asyncio

import msgspec

from shared.clock import Clock
from shared.errors import BadSettings
from shared.lifecycle import Health
from shared.smpp.constants import ESME_RINVPASWD, ESME_RINVSYSID, ESME_ROK
from shared.smpp.pdu import BindRequest, DeliverSm, SubmitSm
from shared.smpp.reply import Reply
from shared.smpp.results import Ending
from shared.smpp.server import Server, ServerSession, serve
from shared.smpp.settings import SessionSettings
from simulators.smsc.behaviour import Behaviour, decide
from simulators.smsc.receipts import Deliveries, Due, receipt_for
from simulators.smsc.taken import Taken, TakenMessage
from simulators.smsc.timetable import Timetable


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
    binds: int
    binds_refused: int
    sessions: int
    receipts_pending: int
    receipts_sent: int
    receipts_taken: int
    receipts_repeated: int
    receipts_dropped: int


class _Answer(msgspec.Struct, gc=False):
    reply: Reply
    status: int
    message_id: bytes


class Smsc:
    """One SMSC on one port; a component with a control interface beside it (`control`)."""

    def __init__(self, options: Options, behaviour: Behaviour, clock: Clock) -> None:
        self.name = f"smsc {options.name}"
        self.options = options
        self.behaviour = behaviour
        self.taken = Taken(options.bodies)
        self._clock = clock
        self._server: Server | None = None
        self._seen = self._refused = self._binds = self._binds_refused = 0
        seconds = int(clock.now().timestamp())
        self._first_id = seconds * 1_000_000
        self.first_reference = seconds
        """References of incoming messages begin here: after a restart they are others."""
        self._deliveries = Deliveries(clock)
        self._receipts: Timetable[TakenMessage] = Timetable(clock, self._receipt_due)
        self._answers: Timetable[_Answer] = Timetable(clock, _give)

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
            binds=self._binds,
            binds_refused=self._binds_refused,
            sessions=len(self._server.sessions) if self._server is not None else 0,
            receipts_pending=len(self._receipts) + self._deliveries.waiting,
            **msgspec.structs.asdict(self._deliveries.counters),
        )

    def deliver(self, message: DeliverSm, system_id: bytes | None) -> bool:
        """Queue an incoming message for a system id, or for the first that is bound. False when nobody is."""
        receiver = system_id or next(iter(self._deliveries.bound), None)
        if receiver is None:
            return False
        self._deliveries.add(Due(receiver, message))
        return True

    async def start(self) -> None:
        """Listen. Raises `BadSettings` when the port cannot be had."""
        try:
            self._server = await serve(
                "127.0.0.1",
                self.options.smpp_port,
                authenticate=self._authenticate,
                on_submit=self._on_submit,
                on_bound=self._deliveries.joined,
                on_closed=self._on_closed,
                on_writable=lambda session: self._deliveries.pump(session.system_id),
                system_id=self.options.name.encode("ascii", "replace"),
                settings=self.options.session,
                clock=self._clock,
            )
        except OSError as error:
            raise BadSettings("port_unavailable", f"--smpp-port: {error.strerror}") from error

    async def stop(self, deadline: float) -> None:
        """Unbind everybody; receipts that were still to come are lost with the process."""
        self._receipts.clear()
        self._deliveries.clear()
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

    def _on_closed(self, session: ServerSession, _: Ending) -> None:
        self._deliveries.left(session)

    def _on_submit(self, session: ServerSession, message: SubmitSm, reply: Reply) -> None:
        self._seen += 1
        decision = decide(self.behaviour, self._seen, message.registered_delivery)
        message_id = b""
        if decision.status == ESME_ROK:
            number = self._first_id + self._seen
            message_id = self.behaviour.id_format.write(number)
            taken = self.taken.add(message, number, session.system_id, self._clock.now())
            if decision.receipt_after is not None:
                self._receipts.add(decision.receipt_after, taken)
        else:
            self._refused += 1
        if decision.answer_after:
            self._answers.add(decision.answer_after, _Answer(reply, decision.status, message_id))
        else:
            reply(decision.status, message_id)

    def _receipt_due(self, taken: TakenMessage) -> None:
        self._deliveries.add(Due(taken.system_id, receipt_for(taken, self.behaviour, self._clock)))


def _give(answer: _Answer) -> None:
    answer.reply(answer.status, answer.message_id)
