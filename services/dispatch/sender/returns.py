"""What goes back to the router, from a sender or from the sweeper: the same outcome gives the same event id."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.dispatch.sender.facts import SOURCE, Cause
from shared.contracts import topics
from shared.contracts.codec import Writer
from shared.contracts.events import DispatchReturned
from shared.contracts.words import ReturnReason
from shared.ids import partition_of
from shared.kafka.record import Output


class ReturnWriter:
    """Writes to `dispatch.returns`. What is told twice is routed twice, and the ledger lets one of them through."""

    def __init__(self, partitions: int, source: str = SOURCE) -> None:
        self._partitions = partitions
        self._write = Writer(source).output

    def link_down(self, cause: Cause, parts: Sequence[int], attempt: int, at: datetime) -> Output:
        """Nothing of these parts was written, in this attempt: to another operator, as the next one."""
        here = cause.order.operator
        tried = (*(operator for operator in cause.order.tried if operator != here), here)
        return self._returned(cause, parts, attempt, at, ReturnReason.LINK_DOWN, tried, None)

    def unknown(self, cause: Cause, parts: Sequence[int], attempt: int, at: datetime, *, stay_at: str | None) -> Output:
        """This attempt at these parts is closed without anybody knowing: once more, as the next one, to the operator
        that has taken others if there is one.
        """
        return self._returned(cause, parts, attempt, at, ReturnReason.OUTCOME_UNKNOWN, cause.order.tried, stay_at)

    def _returned(
        self,
        cause: Cause,
        parts: Sequence[int],
        attempt: int,
        at: datetime,
        why: ReturnReason,
        tried: tuple[str, ...],
        stay_at: str | None,
    ) -> Output:
        order, message_id = cause.order, cause.order.message.message_id
        event = DispatchReturned(
            message=order.message,
            operator=order.operator if stay_at is None else stay_at,
            route_id=order.route_id,
            returned_at=at,
            attempt=attempt + 1,
            parts=tuple(parts),
            why=why,
            tried=tried,
            stay=stay_at is not None,
            again=order.again or why is ReturnReason.OUTCOME_UNKNOWN,
        )
        return self._write(
            topics.RETURNS,
            partition_of(message_id, self._partitions),
            event,
            event_id=f"{message_id}:{attempt}:returned:{','.join(map(str, parts))}",
            time=at,
            subject=message_id,
            traceparent=cause.traceparent,
        )
