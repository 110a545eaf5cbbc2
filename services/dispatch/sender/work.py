"""What the sender holds in its hands between a record and its finish."""

from __future__ import annotations

from collections.abc import Callable

from services.dispatch.sender.ledger import AttemptKey, Outcome, attempt_key
from services.dispatch.sender.parts import Part
from shared.contracts.events import DispatchOrdered
from shared.kafka.record import Received

Finish = Callable[[Received[DispatchOrdered]], None]


class Parcel:
    """A record and how many of its parts are still open."""

    __slots__ = ("_finish", "_open", "lease_id", "received")

    def __init__(self, received: Received[DispatchOrdered], parts: int, finish: Finish) -> None:
        self.received = received
        self.lease_id = f"{received.record.topic}:{received.record.partition}"
        self._open = parts
        self._finish = finish

    @property
    def order(self) -> DispatchOrdered:
        """The order that the record holds."""
        return self.received.event

    def part_done(self) -> None:
        """One part's outcome is durable and its fact acknowledged; after the last the record is finished."""
        self._open -= 1
        if self._open == 0:
            self._finish(self.received)


class Attempt:
    """One attempt at one part. `intended_at` is monotonic seconds of the ledger's acknowledgement."""

    __slots__ = ("intended_at", "link", "number", "parcel", "part")

    def __init__(self, parcel: Parcel, part: Part, number: int) -> None:
        self.parcel = parcel
        self.part = part
        self.number = number
        self.link = ""
        self.intended_at = 0.0

    @property
    def key(self) -> AttemptKey:
        """Key of its ledger rows."""
        return attempt_key(self.parcel.order.message.message_id, self.part.number, self.number)

    def next(self) -> Attempt:
        """The attempt after one that was withheld."""
        return Attempt(self.parcel, self.part, self.number + 1)


class Settled:
    """An attempt with its outcome. `durable` says that the ledger has it already."""

    __slots__ = ("attempt", "durable", "outcome")

    def __init__(self, attempt: Attempt, outcome: Outcome, *, durable: bool) -> None:
        self.attempt = attempt
        self.outcome = outcome
        self.durable = durable
