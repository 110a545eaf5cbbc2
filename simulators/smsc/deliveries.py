"""What goes out to the ESMEs: receipts when their time has come, and messages from handsets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

import msgspec

from shared.clock import Clock
from shared.smpp.backoff import Backoff
from shared.smpp.constants import DELIVER_SM
from shared.smpp.outbox import Outbox
from shared.smpp.pdu import DeliverSm
from shared.smpp.receipts import ReceiptState
from shared.smpp.results import Accepted, SubmitResult
from shared.smpp.server import ServerSession
from simulators.smsc.behaviour import Behaviour, Decision
from simulators.smsc.receipts import receipt_for
from simulators.smsc.taken import TakenMessage
from simulators.smsc.timetable import Timetable

_WAITING = 200_000
"""Receipts and incoming messages kept for one system id; what comes above that is dropped and counted."""
_BACKOFF = Backoff(first=1.0, longest=1.0, jitter=0.0)
"""Before what was refused or never answered is sent again."""
_ATTEMPTS = 10_000
"""An operator keeps what is not taken for hours: longer than any run."""


class _Due(msgspec.Struct, frozen=True, gc=False):
    """One time that a receipt is sent; `session` is the one that its message came by."""

    taken: TakenMessage
    session: ServerSession


class Deliveries:
    """Sends each delivery until somebody took it. `sessions` are all that are open, `behaviour` is asked when a receipt
    is due.
    """

    def __init__(
        self,
        clock: Clock,
        behaviour: Callable[[], Behaviour],
        sessions: Callable[[], Sequence[ServerSession]],
        backoff: Backoff = _BACKOFF,
    ) -> None:
        self.accepted = self.dropped = self.elsewhere = 0
        self.outbox = Outbox(self._ended, random=Random(0), most=_WAITING, attempts=_ATTEMPTS, backoff=backoff)
        self._clock = clock
        self._behaviour = behaviour
        self._sessions = sessions
        self._receipts: Timetable[_Due] = Timetable(clock, self._due)

    @property
    def pending(self) -> int:
        """Those that nobody has taken yet."""
        return len(self._receipts) + len(self.outbox)

    def plan(self, taken: TakenMessage, decision: Decision, session: ServerSession) -> None:
        """Send the receipts of a message as decided; one that is early goes out now."""
        due = _Due(taken, session)
        first, *again = decision.receipts_after
        if decision.early:
            self._due(due)
        else:
            self._receipts.add(first, due)
        for after in again:
            self._receipts.add(after, due)

    def add(self, system_id: bytes, message: DeliverSm) -> None:
        """Send one delivery to whichever bind of this system id has room, now or later."""
        self.dropped += not self.outbox.add(system_id, message, None)

    def close(self) -> None:
        """Send nothing more; what was still to come is lost."""
        self._receipts.clear()
        self.outbox.close()

    def _due(self, due: _Due) -> None:
        behaviour, taken = self._behaviour(), due.taken
        if taken.state is ReceiptState.ENROUTE:
            taken.state = behaviour.receipt_state
        message = receipt_for(taken, behaviour, self._clock)
        other = self._another(due.session) if behaviour.receipt_elsewhere else None
        if other is None:
            self.add(taken.system_id, message)
        else:
            self.elsewhere += 1
            other.send(message, (taken.system_id, message), self._ended_elsewhere)

    def _another(self, session: ServerSession) -> ServerSession | None:
        """A bind of the same system id that receives and has room, but this one."""
        for other in self._sessions():
            receives = other.mode is not None and other.mode.carries(DELIVER_SM)
            if other is not session and other.system_id == session.system_id and receives and other.free:
                return other
        return None

    def _ended(self, _: object, result: SubmitResult) -> None:
        taken = isinstance(result, Accepted)
        self.accepted += taken
        self.dropped += not taken

    def _ended_elsewhere(self, delivery: tuple[bytes, DeliverSm], result: SubmitResult) -> None:
        """What was not taken there goes the usual way."""
        if isinstance(result, Accepted):
            self.accepted += 1
        else:
            self.add(*delivery)
