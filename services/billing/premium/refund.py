"""A refund: asked for by the company that sold the service (R-80), carried out by Strex, paid out by the operator.

The whole price or nothing: Strex knows no part of a refund. One refund per transaction, whoever asks how often.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final, NewType

import msgspec

from services.billing.premium.transaction import Leg, Standing, Transaction
from shared.contracts.premium import SETTLED, Billed, PremiumStatus, TransactionId
from shared.errors import Refused
from shared.ids import AccountId
from shared.money.periods import Day, day_of, last_day, month_of, moved

RefundId = NewType("RefundId", str)

_MONTHS_TO_USER: Final = 3


class RefundState(StrEnum):
    """Where a refund is. The last leg, the operator paying the user, is known to nobody but the user."""

    REQUESTED = "requested"
    """On record here; the order to Strex follows."""
    ORDERED = "ordered"
    REVERSED = "reversed"
    """Strex gave it back; the operator pays the user within three months of the request (R-82)."""
    REFUSED = "refused"
    """Strex would not reverse it; `detail` says why."""


_RANK: Final = {RefundState.REQUESTED: 0, RefundState.ORDERED: 1, RefundState.REFUSED: 2, RefundState.REVERSED: 3}


class RefusalCode(StrEnum):
    """Why a refund is refused at the door."""

    NOT_FOUND = "not_found"
    NOT_BILLED = "not_billed"
    OUTCOME_OPEN = "outcome_open"
    NUMBER_FORGOTTEN = "number_forgotten"


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """One refund. Øre; `by` is the id of the key that asked, `user_paid_by` the day by which the user has the money.

    `version` grows with each change of `state`.
    """

    id: RefundId
    account_id: AccountId
    transaction_id: TransactionId
    merchant_id: str
    short_number: str
    price: int
    state: RefundState
    requested_at: datetime
    changed_at: datetime
    user_paid_by: Day
    version: int = 1
    by: str = ""
    reason: str | None = None
    detail: str | None = None


def refund_id(transaction: TransactionId) -> RefundId:
    """One per transaction."""
    return RefundId(f"rf_{transaction}")


def request(transaction: Transaction, *, at: datetime, by: str, reason: str | None) -> Refund:
    """A new refund. Raises `Refused`: `not_billed`; `outcome_open` while nobody knows whether it was billed."""
    if transaction.standing is Standing.NOT_BILLED or not transaction.counts:
        raise Refused(RefusalCode.NOT_BILLED, "the user was not charged")
    if transaction.standing in {Standing.OPEN, Standing.DISPUTED}:
        raise Refused(RefusalCode.OUTCOME_OPEN, "it is not known whether the user was charged; ask again later")
    return Refund(
        id=refund_id(transaction.id),
        account_id=transaction.account_id,
        transaction_id=transaction.id,
        merchant_id=transaction.merchant_id,
        short_number=transaction.short_number,
        price=transaction.price,
        state=RefundState.REQUESTED,
        requested_at=at,
        changed_at=at,
        user_paid_by=_months_after(at, _MONTHS_TO_USER),
        by=by,
        reason=reason,
    )


def request_anew(refund: Refund, transaction: Transaction, *, at: datetime, by: str, reason: str | None) -> Refund:
    """A refund that is asked for again: requested once more if Strex never took the reversal, else as it is. The time
    of the first request stays, and with it the day by which the user is paid. Raises `Refused` as `request` does.
    """
    if refund.state is not RefundState.REFUSED or not _never_taken(transaction.reversal):
        return refund
    return msgspec.structs.replace(
        request(transaction, at=at, by=by, reason=reason or refund.reason),
        requested_at=refund.requested_at,
        user_paid_by=refund.user_paid_by,
        version=refund.version + 1,
    )


def follow(refund: Refund, transaction: Transaction, at: datetime) -> Refund:
    """The refund after what Strex said of the reversal. Forward only: what comes late changes nothing."""
    leg = transaction.reversal
    if leg is None:
        return refund
    if leg.moved:
        return move(refund, RefundState.REVERSED, at)
    if refund.state is RefundState.REQUESTED and _never_taken(leg) and leg.ordered_at < refund.changed_at:
        # The end of an order before the one that follows now, whose time is that of this request.
        return refund
    if leg.status in SETTLED and leg.billed is Billed.FALSE:
        return move(refund, RefundState.REFUSED, at, leg.detail)
    return move(refund, RefundState.ORDERED, at)


def move(refund: Refund, state: RefundState, at: datetime, detail: str | None = None) -> Refund:
    """The refund in a state, if that is further on; else as it is."""
    if _RANK[state] <= _RANK[refund.state]:
        return refund
    return msgspec.structs.replace(refund, state=state, changed_at=at, detail=detail, version=refund.version + 1)


def _never_taken(reversal: Leg | None) -> bool:
    return reversal is not None and reversal.status is PremiumStatus.REFUSED


def _months_after(at: datetime, months: int) -> Day:
    """The same day months later, or the last of its month where there is none."""
    last = last_day(moved(month_of(at), months))
    return Day(last.replace(day=min(int(day_of(at)[-2:]), last.day)).isoformat())
