"""Facts and receipts read as reports: which state they claim, and why (contracts.md section 3)."""

from __future__ import annotations

from typing import Final

from services.dlr.status.message import Report, milliseconds
from shared.contracts.codes import Reason
from shared.contracts.events import OperatorReceipt, PartFact
from shared.contracts.states import State
from shared.contracts.words import FactKind, ReceiptState
from shared.errors import BadRecord

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


_MOST_PARTS: Final = 255
"""What the octet of a concatenated message's header can count."""
_MOST_ATTEMPTS: Final = 2**31 - 1


def of_fact(fact_id: str, fact: PartFact) -> Report:
    """The report of a fact. The operator's code of a refusal is its command_status as SMPP writes it.

    Raises `BadRecord` for numbers that no message can have: the parts of one are counted out in its document.
    """
    _check(fact.part, fact.attempt, fact.parts)
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
    """The report of a receipt, without what it seals. Raises `BadRecord` as `of_fact` does."""
    _check(receipt.part, receipt.attempt)
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


def _check(part: int, attempt: int, parts: int = 0) -> None:
    if not (0 <= part <= _MOST_PARTS and 0 <= parts <= _MOST_PARTS and 0 <= attempt <= _MOST_ATTEMPTS):
        raise BadRecord("bad_payload", "part, parts or attempt is out of range")
