"""What a router writes: orders to operators, and facts. The same decision gives the same event ids at every replay."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from shared.contracts import envelope, topics
from shared.contracts.codec import Writer
from shared.contracts.codes import Reason
from shared.contracts.events import DispatchOrdered, MessageAccepted, PartFact
from shared.contracts.words import FactKind
from shared.ids import partition_of
from shared.kafka.record import Output, Record, header

SOURCE = "/budstikke/dispatch/router"

_WHOLE = (0,)
"""The parts of a fact that speaks of the whole message."""


class Outputs:
    """Writes what follows from one record."""

    def __init__(self, partitions: int) -> None:
        self._partitions = partitions
        self._write = Writer(SOURCE).output

    def ordered(self, cause: Record, order: DispatchOrdered) -> Sequence[Output]:
        """The order, and the fact `queued` of the message, or of each part that the order names."""
        message, parts = order.message, order.parts
        message_id = message.message_id
        partition = partition_of(message_id, self._partitions)
        named = f":{','.join(map(str, parts))}" if parts else ""
        ordered = self._write(
            topics.dispatch(order.operator, message.lane),
            partition,
            order,
            event_id=f"{message_id}:ordered:{order.attempt}{named}",
            time=order.ordered_at,
            subject=message_id,
            traceparent=header(cause, envelope.TRACEPARENT),
        )
        return (
            ordered,
            *(
                self._fact(
                    cause,
                    _fact(cause, message, FactKind.QUEUED, None, order.ordered_at, part, order.attempt, order),
                    f"{message_id}:{part}:{order.attempt}:queued" if part else f"{message_id}:queued:{order.attempt}",
                    partition,
                )
                for part in parts or _WHOLE
            ),
        )

    def ended(
        self,
        cause: Record,
        message: MessageAccepted,
        kind: FactKind,
        code: Reason,
        at: datetime,
        *,
        attempt: int = 1,
        parts: Sequence[int] = _WHOLE,
    ) -> Sequence[Output]:
        """The fact that a message, or these parts of it, ended here."""
        message_id = message.message_id
        partition = partition_of(message_id, self._partitions)
        return [
            self._fact(
                cause,
                _fact(cause, message, kind, code, at, part, attempt, None),
                f"{message_id}:{part}:{attempt}:router:{kind}" if part else f"{message_id}:router:{kind}",
                partition,
            )
            for part in parts
        ]

    def _fact(self, cause: Record, fact: PartFact, event_id: str, partition: int) -> Output:
        return self._write(
            topics.FACTS,
            partition,
            fact,
            event_id=event_id,
            time=fact.at,
            subject=fact.message_id,
            traceparent=header(cause, envelope.TRACEPARENT),
        )


def _fact(
    cause: Record,
    message: MessageAccepted,
    kind: FactKind,
    code: Reason | None,
    at: datetime,
    part: int,
    attempt: int,
    order: DispatchOrdered | None,
) -> PartFact:
    return PartFact(
        message_id=message.message_id,
        account_id=message.account_id,
        kind=kind,
        at=at,
        category=message.category,
        parts=message.parts,
        cause=envelope.event_id(cause),
        part=part,
        attempt=attempt,
        country=message.country,
        code=code,
        operator=None if order is None else order.operator,
        route_id=None if order is None else order.route_id,
        test=message.test,
    )
