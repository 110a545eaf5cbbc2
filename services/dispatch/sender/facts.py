"""The facts that a sender tells, and the sweeper: the same outcome gives the same event, at every replay."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Protocol

from services.dispatch.sender.ledger import Outcome, OutcomeKind
from shared.contracts import topics
from shared.contracts.codec import Writer
from shared.contracts.codes import Reason
from shared.contracts.events import DispatchOrdered, PartFact
from shared.contracts.words import FactKind
from shared.ids import partition_of
from shared.kafka.record import Output

SOURCE: Final = "/budstikke/dispatch/sender"

_KINDS: Final = {
    OutcomeKind.SUBMITTED: FactKind.SUBMITTED,
    OutcomeKind.REFUSED: FactKind.REFUSED,
    OutcomeKind.UNKNOWN: FactKind.UNKNOWN,
    OutcomeKind.FAILED: FactKind.FAILED,
    OutcomeKind.EXPIRED: FactKind.EXPIRED,
    OutcomeKind.REJECTED: FactKind.REJECTED,
}
_CODES: Final = {
    OutcomeKind.REFUSED: Reason.OPERATOR_REFUSED,
    OutcomeKind.FAILED: Reason.OUTCOME_UNKNOWN,
    OutcomeKind.EXPIRED: Reason.VALIDITY_OVER,
    OutcomeKind.REJECTED: Reason.ERASED,
}


class Cause(Protocol):
    """An order, and the record that it came in."""

    @property
    def order(self) -> DispatchOrdered:
        """The order."""
        ...

    @property
    def cause(self) -> str:
        """Its event id."""
        ...

    @property
    def traceparent(self) -> bytes | None:
        """Its trace."""
        ...


class FactWriter:
    """Writes facts of parts and of whole messages to `sms.facts`."""

    def __init__(self, partitions: int, source: str = SOURCE) -> None:
        self._partitions = partitions
        self._write = Writer(source).output

    def of_outcome(self, cause: Cause, parts: Sequence[int], attempt: int, outcome: Outcome) -> Sequence[Output]:
        """The fact of one attempt, for each part that it was at; of one that was not closed here, none."""
        kind = _KINDS.get(outcome.kind)
        if kind is None:
            return ()
        return [
            self._fact(
                cause,
                kind,
                outcome.at,
                _CODES.get(outcome.kind),
                part=part,
                attempt=attempt,
                link=outcome.link,
                operator_id=outcome.operator_id,
                status=outcome.status,
            )
            for part in parts
        ]

    def of_end(self, cause: Cause, kind: FactKind, code: Reason, at: datetime, part: int = 0) -> Output:
        """The fact that a message, or a part of it, ended here without having been sent."""
        return self._fact(cause, kind, at, code, part=part, attempt=cause.order.attempt)

    def _fact(
        self,
        cause: Cause,
        kind: FactKind,
        at: datetime,
        code: Reason | None,
        *,
        part: int,
        attempt: int,
        link: str | None = None,
        operator_id: str | None = None,
        status: int | None = None,
    ) -> Output:
        order, message = cause.order, cause.order.message
        fact = PartFact(
            message_id=message.message_id,
            account_id=message.account_id,
            kind=kind,
            at=at,
            category=message.category,
            parts=message.parts,
            cause=cause.cause,
            part=part,
            attempt=attempt,
            country=message.country,
            code=code,
            operator=order.operator,
            link=link,
            route_id=order.route_id,
            operator_id=operator_id,
            status=status,
            test=message.test,
        )
        return self._write(
            topics.FACTS,
            partition_of(message.message_id, self._partitions),
            fact,
            event_id=f"{message.message_id}:{part}:{attempt}:{kind}",
            time=at,
            subject=message.message_id,
            traceparent=cause.traceparent,
        )
