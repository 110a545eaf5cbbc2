"""Send what was promised: receipts of one system id wait here until a bind of it has a free slot."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import msgspec

from shared.clock import Clock
from shared.smpp import receipts
from shared.smpp.pdu import DeliverSm
from shared.smpp.results import Accepted, SubmitResult
from shared.smpp.server import ServerSession
from simulators.smsc.behaviour import Behaviour
from simulators.smsc.taken import TakenMessage
from simulators.smsc.timetable import Timetable

_WAITING = 200_000
"""Receipts without a bind to go to, over all system ids; above that the oldest is dropped and counted."""
_ATTEMPTS = 20
_AGAIN_AFTER = 1.0
"""Seconds until a receipt that was refused or never answered is sent again."""


class Due(msgspec.Struct, gc=False):
    """One receipt, or one incoming message, on its way."""

    system_id: bytes
    message: DeliverSm
    attempts: int = 0


class ReceiptCounters(msgspec.Struct):
    """Over the life of the process; incoming messages count with the receipts."""

    receipts_sent: int = 0
    receipts_taken: int = 0
    receipts_repeated: int = 0
    receipts_dropped: int = 0


class Deliveries:
    """Waiting deliveries by system id, sent in order over whichever of its binds has room."""

    def __init__(self, clock: Clock) -> None:
        self.counters = ReceiptCounters()
        self._clock = clock
        self._sessions: dict[bytes, list[ServerSession]] = {}
        self._waiting: dict[bytes, deque[Due]] = {}
        self._waiting_count = 0
        self._again: Timetable[Due] = Timetable(clock, self.add)

    @property
    def waiting(self) -> int:
        """Deliveries that wait for a bind, a slot or their next try."""
        return self._waiting_count + len(self._again)

    def joined(self, session: ServerSession) -> None:
        """A bind stands; those that carry no deliveries are left out by their `free`."""
        self._sessions.setdefault(session.system_id, []).append(session)
        self.pump(session.system_id)

    def left(self, session: ServerSession) -> None:
        """A bind is gone."""
        remaining = [other for other in self._sessions.get(session.system_id, []) if other is not session]
        if remaining:
            self._sessions[session.system_id] = remaining
        else:
            self._sessions.pop(session.system_id, None)

    @property
    def bound(self) -> Iterable[bytes]:
        """System ids with a bind."""
        return tuple(self._sessions)

    def add(self, due: Due) -> None:
        """Queue one delivery and send what can be sent."""
        queue = self._waiting.setdefault(due.system_id, deque())
        queue.append(due)
        self._waiting_count += 1
        self.pump(due.system_id)
        if self._waiting_count > _WAITING and queue:
            queue.popleft()
            self._waiting_count -= 1
            self.counters.receipts_dropped += 1

    def pump(self, system_id: bytes) -> None:
        """Send while something waits and a bind of this system id has a slot."""
        queue = self._waiting.get(system_id)
        while queue and (session := self._freest(system_id)) is not None:
            due = queue.popleft()
            self._waiting_count -= 1
            due.attempts += 1
            session.send(due.message, due, self._ended)
            self.counters.receipts_sent += 1

    def clear(self) -> None:
        """Forget everything that waits."""
        self._again.clear()
        self._waiting.clear()
        self._waiting_count = 0

    def _freest(self, system_id: bytes) -> ServerSession | None:
        best, most = None, 0
        for session in self._sessions.get(system_id, ()):
            if session.free > most:
                best, most = session, session.free
        return best

    def _ended(self, due: Due, result: SubmitResult) -> None:
        if isinstance(result, Accepted):
            self.counters.receipts_taken += 1
        elif due.attempts < _ATTEMPTS:
            self.counters.receipts_repeated += 1
            self._again.add(_AGAIN_AFTER, due)
        else:
            self.counters.receipts_dropped += 1


def receipt_for(taken: TakenMessage, behaviour: Behaviour, clock: Clock) -> DeliverSm:
    """The receipt of a message, from the number it went to back to its sender."""
    message = taken.message
    return receipts.build(
        message_id=(behaviour.receipt_id_format or behaviour.id_format).write(taken.id),
        state=taken.state,
        submitted_at=taken.taken_at,
        done_at=clock.now(),
        source=(message.dest_addr_ton, message.dest_addr_npi, message.destination_addr),
        destination=(message.source_addr_ton, message.source_addr_npi, message.source_addr),
        err=behaviour.receipt_err,
        with_tlvs=behaviour.receipt_tlvs,
    )
