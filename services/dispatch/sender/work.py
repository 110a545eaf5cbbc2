"""What the sender holds in its hands between a record and its finish."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, NamedTuple

from services.dispatch.sender.ledger import AttemptKey, Intent, Outcome, attempt_key
from services.dispatch.sender.parts import Part
from shared.contracts import envelope
from shared.contracts.codes import Reason
from shared.contracts.events import DispatchOrdered
from shared.contracts.words import FactKind
from shared.kafka.at_least_once import Finishing
from shared.kafka.record import Received, header

_AT_ONCE = datetime.min.replace(tzinfo=UTC)

Finish = Finishing[DispatchOrdered]


class Parcel:
    """A record and how many of its parts are still open."""

    __slots__ = ("_elsewhere", "_open", "_opted_out", "_parts", "_whole", "finish", "lease_id", "received")

    def __init__(
        self,
        received: Received[DispatchOrdered],
        parts: int,
        finish: Finish,
        opted_out: Callable[[], bool] = lambda: False,
        elsewhere: Callable[[], bool] = lambda: False,
    ) -> None:
        """`opted_out` tells whether the recipient wants it no more, `elsewhere` whether another operator would take it;
        both are asked until the last moment.
        """
        self.received = received
        self._opted_out = opted_out
        self._elsewhere = elsewhere
        self.lease_id = f"{received.record.topic}:{received.record.partition}"
        self._parts = parts
        self._open = parts
        self._whole = True
        self.finish = finish

    @property
    def order(self) -> DispatchOrdered:
        """The order that the record holds."""
        return self.received.event

    @property
    def cause(self) -> str:
        """Event id of the order."""
        return envelope.event_id(self.received.record)

    @property
    def traceparent(self) -> bytes | None:
        """Trace of the order."""
        return header(self.received.record, envelope.TRACEPARENT)

    def part_done(self) -> None:
        """One part's outcome is durable and its fact acknowledged; after the last the record is finished."""
        self._open -= 1
        if self._open == 0:
            (self.finish if self._whole else self.finish.give_back)(self.received)

    @property
    def opted_out(self) -> bool:
        """Whether its recipient wants no more of the account or the sender, as far as is known now."""
        return self._opted_out()

    def may_leave(self, unsent: int) -> bool:
        """Whether it may go to another operator, if so many of its parts are here and not begun: only the whole
        message. What became of parts that the order does not name nobody knows here.
        """
        order = self.order
        whole = len(set(order.parts)) in (0, order.message.parts)
        return whole and unsent == self._parts and not order.stay and self._elsewhere()

    @property
    def closing(self) -> bool:
        """Whether its partition is about to go: begin nothing more of it."""
        return self.finish.closing

    def part_left(self) -> None:
        """One part was not begun, for the partition is closing: whoever has it next gets the whole record again."""
        self._whole = False
        self.part_done()


class Faults(NamedTuple):
    """How often an operator failed over a part, and how much it had taken altogether the last time."""

    times: int
    taken_before: int


NO_FAULTS: Final = Faults(0, -1)


class Attempt:
    """One attempt at one part. `intended_at` is monotonic seconds of the ledger's acknowledgement.

    `intent` is whoever's began it, `faults` says how often the operator has failed over the part.
    """

    __slots__ = ("faults", "intended_at", "intent", "key", "number", "parcel", "part")

    def __init__(self, parcel: Parcel, part: Part, number: int) -> None:
        self.parcel = parcel
        self.part = part
        self.number = number
        self.key: AttemptKey = attempt_key(parcel.order.message.message_id, part.number, number)
        self.intent: Intent | None = None
        self.intended_at = 0.0
        self.faults = NO_FAULTS

    @property
    def ends_at(self) -> datetime:
        """When it ends if nothing of it was sent until then; an erased one at once."""
        return _AT_ONCE if self.part.pdu is None else self.parcel.order.message.valid_until

    def ending(self, now: datetime) -> tuple[FactKind, Reason] | None:
        """How it ends if nothing of it was sent so far, or None when it may be sent."""
        if self.part.pdu is None:
            return FactKind.REJECTED, Reason.ERASED
        if self.ends_at <= now:
            return FactKind.EXPIRED, Reason.VALIDITY_OVER
        if self.parcel.opted_out:
            return FactKind.REJECTED, Reason.OPTED_OUT
        return None

    def intend(self, epoch: int, link: str, at: datetime) -> Intent:
        """The intent to make it under a lease of this epoch."""
        self.intent = Intent(self.key, self.parcel.lease_id, epoch, link, at)
        return self.intent

    def next(self) -> Attempt:
        """The attempt after one that came to nothing."""
        following = Attempt(self.parcel, self.part, self.number + 1)
        following.faults = self.faults
        return following


class Settled:
    """An attempt with its outcome.

    `durable` says that the ledger has it already, `late` that the record was finished with an earlier outcome.
    """

    __slots__ = ("attempt", "durable", "late", "outcome")

    def __init__(self, attempt: Attempt, outcome: Outcome, *, durable: bool = False, late: bool = False) -> None:
        self.attempt = attempt
        self.outcome = outcome
        self.durable = durable
        self.late = late
