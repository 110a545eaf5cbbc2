"""Facts and receipts read as reports: which state they claim, and why (contracts.md section 3)."""

from __future__ import annotations

from typing import Final

from services.dlr.status.message import Report, milliseconds
from shared.contracts.codes import Reason
from shared.contracts.events import OperatorReceipt, PartFact
from shared.contracts.states import State
from shared.contracts.words import FactKind, ReceiptState

_OF_FACT: Final[dict[FactKind, tuple[State, Reason | None]]] = {
    FactKind.SCHEDULED: (State.SCHEDULED, None),
    FactKind.REJECTED: (State.REJECTED, None),
    FactKind.HELD: (State.HELD, None),
    FactKind.RELEASED: (State.ACCEPTED, None),
    FactKind.QUEUED: (State.QUEUED, None),
    FactKind.SUBMITTED: (State.SUBMITTED, None),
    FactKind.REFUSED: (State.FAILED, Reason.OPERATOR_REFUSED),
    FactKind.UNKNOWN: (State.UNKNOWN, None),
    FactKind.EXPIRED: (State.EXPIRED, Reason.VALIDITY_OVER),
    FactKind.CANCELLED: (State.CANCELLED, None),
    FactKind.FAILED: (State.FAILED, None),
}
"""State that a fact claims, and the reason where the fact names none."""

_OF_RECEIPT: Final[dict[ReceiptState, tuple[State, Reason | None]]] = {
    ReceiptState.ENROUTE: (State.BUFFERED, None),
    ReceiptState.ACCEPTED: (State.BUFFERED, None),
    ReceiptState.DELIVERED: (State.DELIVERED, None),
    ReceiptState.EXPIRED: (State.EXPIRED, Reason.VALIDITY_OVER),
    ReceiptState.UNDELIVERABLE: (State.UNDELIVERED, Reason.HANDSET_UNREACHABLE),
    ReceiptState.DELETED: (State.UNDELIVERED, Reason.OPERATOR_DELETED),
    ReceiptState.REJECTED: (State.UNDELIVERED, Reason.OPERATOR_REJECTED),
    ReceiptState.UNKNOWN: (State.UNDELIVERED, Reason.OPERATOR_UNKNOWN),
}
"""State that a receipt claims, and why; an operator's own error codes are not read yet."""


def of_fact(fact_id: str, fact: PartFact) -> Report:
    """The report of a fact. The operator's code of a refusal is its command_status as SMPP writes it."""
    state, reason = _OF_FACT[fact.kind]
    return Report(
        fact=fact_id,
        state=state,
        at=milliseconds(fact.at),
        part=fact.part,
        attempt=fact.attempt,
        parts=fact.parts,
        reason=fact.code or reason,
        code=None if fact.status is None else f"0x{fact.status:08x}",
        operator=fact.operator,
        link=fact.link,
        route_id=fact.route_id,
        operator_id=fact.operator_id,
        country=fact.country,
    )


def of_receipt(receipt: OperatorReceipt) -> Report:
    """The report of a receipt, without what it seals."""
    state, reason = _OF_RECEIPT[receipt.state]
    return Report(
        fact=receipt.receipt_id,
        state=state,
        at=milliseconds(receipt.received_at),
        receipt=receipt.state,
        part=receipt.part,
        attempt=receipt.attempt,
        reason=reason,
        code=receipt.error or receipt.network_error,
        operator=receipt.operator,
        link=receipt.link,
        operator_id=receipt.operator_id,
        done_at=None if receipt.done_at is None else milliseconds(receipt.done_at),
    )
