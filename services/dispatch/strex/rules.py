"""Orders that Strex is not asked for, and orders that nobody can carry out. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from services.dispatch.strex.row import Row
from shared.contracts.premium import PremiumKind, PremiumOrdered, PremiumStatus, reversal_id
from shared.errors import BadRecord
from shared.strex.agreements import Agreements


class Refusal(StrEnum):
    """Why Strex was not asked; the `detail` of the event."""

    ERASED = "erased"
    TOO_LATE = "too_late"
    NO_ONE_TIME_PASSWORD = "no_one_time_password"  # noqa: S105 - a word of the contract
    TERMS_DIFFER = "terms_differ"
    NOT_AGREED = "not_agreed"


def require_complete(order: PremiumOrdered) -> None:
    """Raise `BadRecord` (`incomplete_order`) for an order that lacks what its kind needs: whoever wrote it is wrong."""
    if order.kind is PremiumKind.REVERSAL:
        good = order.reversal_of is not None and order.transaction_id == reversal_id(order.reversal_of)
    else:
        good = (
            order.to is not None
            and order.pseudonym is not None
            and order.reversal_of is None
            and not order.transaction_id.startswith("-")
            and (order.kind is PremiumKind.ONE_TIME_PASSWORD or order.consent is not None)
            and (order.kind is not PremiumKind.REPLY or order.content is not None)
        )
    if not good:
        raise BadRecord("incomplete_order", f"an order of the kind {order.kind} lacks what it needs")


def out_of_date(order: PremiumOrdered, now: datetime, longest: timedelta) -> Refusal | None:
    """A charge that waited so long that the user has forgotten it is not made any more. Money is given back always."""
    if order.kind is not PremiumKind.REVERSAL and now > order.ordered_at + longest:
        return Refusal.TOO_LATE
    return None


def not_agreed(order: PremiumOrdered, agreements: Agreements) -> Refusal | None:
    """Whatever door an order came in by, a charge is by an agreement of its account (R-78). What was charged may be
    given back after the agreement has ended.
    """
    if order.kind is PremiumKind.REVERSAL or agreements.cover(order.account_id, order.terms):
        return None
    return Refusal.NOT_AGREED


def without_consent(order: PremiumOrdered, password: Row | None, pseudonym: str | None) -> Refusal | None:
    """A charge with a code is one that the code was asked for, of the same person, at the same terms (R-76).

    `password` is the row of the code, if there is one; `pseudonym` is that of the order's number in the year in which
    the code was asked for, because a person has another each year.
    """
    if password is None or password.event.status is PremiumStatus.REFUSED:
        return Refusal.NO_ONE_TIME_PASSWORD
    if password.event.pseudonym != pseudonym or password.terms != order.terms:
        return Refusal.TERMS_DIFFER
    return None
