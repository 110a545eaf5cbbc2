"""The facts that a sender tells: the same outcome gives the same event, at every replay."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.dispatch.sender.ledger import Outcome, OutcomeKind
from services.dispatch.sender.work import Attempt, Parcel
from shared.contracts import envelope, topics
from shared.contracts.codec import Writer
from shared.contracts.codes import Reason
from shared.contracts.events import PartFact
from shared.contracts.words import FactKind
from shared.ids import partition_of
from shared.kafka.record import Output, header

SOURCE = "/budstikke/dispatch/sender"

_KINDS = {
    OutcomeKind.SUBMITTED: FactKind.SUBMITTED,
    OutcomeKind.REFUSED: FactKind.REFUSED,
    OutcomeKind.UNKNOWN: FactKind.UNKNOWN,
}
_CODES = {OutcomeKind.REFUSED: Reason.OPERATOR_REFUSED}


class FactWriter:
    """Writes facts of parts and of whole messages to `sms.facts`."""

    def __init__(self, partitions: int) -> None:
        self._partitions = partitions
        self._write = Writer(SOURCE).output

    def of_outcome(self, attempt: Attempt, outcome: Outcome) -> Sequence[Output]:
        """The fact of one attempt, for each part that it was at. A withheld attempt is no fact."""
        kind = _KINDS[outcome.kind]
        return [
            self._fact(
                attempt.parcel,
                kind,
                outcome.at,
                _CODES.get(outcome.kind),
                part=part,
                attempt=attempt.number,
                link=outcome.link,
                operator_id=outcome.operator_id,
                status=outcome.status,
            )
            for part in attempt.part.numbers
        ]

    def of_end(self, parcel: Parcel, kind: FactKind, code: Reason, at: datetime, part: int = 0) -> Output:
        """The fact that a message, or a part of it, ended here without having been sent."""
        return self._fact(parcel, kind, at, code, part=part, attempt=parcel.order.attempt)

    def _fact(
        self,
        parcel: Parcel,
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
        order, message = parcel.order, parcel.order.message
        fact = PartFact(
            message_id=message.message_id,
            account_id=message.account_id,
            kind=kind,
            at=at,
            category=message.category,
            parts=message.parts,
            cause=envelope.event_id(parcel.received.record),
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
            traceparent=header(parcel.received.record, envelope.TRACEPARENT),
        )
