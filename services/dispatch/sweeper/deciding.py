"""What becomes of an attempt that nobody knows the outcome of. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from services.dispatch.sender.facts import FactWriter
from services.dispatch.sender.ledger import Outcome, OutcomeKind, milliseconds
from services.dispatch.sender.returns import ReturnWriter
from services.dispatch.unknowns.store import Unknown
from shared.contracts.events import DispatchOrdered, OperatorReceipt
from shared.ids import MessageId
from shared.kafka.record import Output
from shared.privacy.sealing import TAKEN_OUT

SOURCE = "/budstikke/dispatch/sweeper"


def closing(row: Unknown, receipt: OperatorReceipt | None, now: datetime) -> Outcome:
    """How to close it, unless somebody else has done so.

    A receipt that names the attempt shows that the operator took it. Else the parts are sent once more, and once only:
    a second attempt that ends unknown fails, as does the first of a message that must never go twice. (An operator that
    takes everything and answers nothing would else get a message every minute for as long as it is valid.)
    """
    at = milliseconds(now)
    if receipt is not None:
        operator_id = receipt.operator_id or None
        return Outcome(row.key, OutcomeKind.SUBMITTED, at, receipt.link, operator_id=operator_id, late=True)
    return Outcome(row.key, _given_up(row, now), at, row.link, late=True)


def _given_up(row: Unknown, now: datetime) -> OutcomeKind:
    message = row.order.message
    if TAKEN_OUT in {message.to, message.content}:
        return OutcomeKind.REJECTED
    if message.never_twice or row.order.again:
        return OutcomeKind.FAILED
    if message.valid_until <= now:
        return OutcomeKind.EXPIRED
    return OutcomeKind.AGAIN


class Telling:
    """What follows from attempts that are closed: facts, and returns to the router."""

    def __init__(self, partitions: int) -> None:
        self._facts = FactWriter(partitions, SOURCE)
        self._returns = ReturnWriter(partitions, SOURCE)

    def outputs(
        self, closed: Sequence[tuple[Unknown, Outcome]], takers: Mapping[MessageId, Collection[str]]
    ) -> Sequence[Output]:
        """Of each the fact, whoever closed it: his process may be gone. Parts of a message that are sent again in the
        same attempt go together, to the operator that has taken others: one of the message's `takers`.
        """
        together: dict[tuple[MessageId, int, str], list[tuple[Unknown, Outcome]]] = {}
        outputs: list[Output] = []
        for row, outcome in closed:
            if outcome.kind is OutcomeKind.AGAIN:
                key = (row.order.message.message_id, row.attempt, row.order.operator)
                together.setdefault(key, []).append((row, outcome))
            else:
                outputs += self._facts.of_outcome(row, row.parts, row.attempt, outcome)
        for (message_id, attempt, _), rows in together.items():
            first, outcome = rows[0]
            parts = sorted(part for row, _ in rows for part in row.parts)
            stay_at = _staying(first.order, takers.get(message_id, ()))
            outputs.append(self._returns.unknown(first, parts, attempt, outcome.at, stay_at=stay_at))
        return outputs


def _staying(order: DispatchOrdered, takers: Collection[str]) -> str | None:
    """The operator that the parts have to go to, or None when any will do."""
    if order.stay or order.operator in takers:
        return order.operator
    return min(takers, default=None)
