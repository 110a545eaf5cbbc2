"""Strex's words in ours. Pure.

`billed` is the one test of whether money moved: null is unknown, never false. A status that is not known is not final.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from services.dispatch.strex.bodies import Seen
from shared.contracts.premium import Billed, PremiumKind, PremiumStatus

_STATUSES: Final = {
    "queued": PremiumStatus.QUEUED,
    "sent": PremiumStatus.SENT,
    "ok": PremiumStatus.OK,
    "failed": PremiumStatus.FAILED,
    "reversed": PremiumStatus.REVERSED,
    "rebilled": PremiumStatus.REBILLED,
}

_NO_BILL: Final = frozenset(
    {
        "expired",
        "rejected",
        "unknownsubscriber",
        "subscriberbarred",
        "insufficientfunds",
        "invalidcredentials",
        "invalidotp",
        "mnoerror",
        "cardpsperror",
        "connectionoffline",
        "registrationrequired",
        "unknownage",
        "subscribertooyoung",
        "duplicatetransaction",
        "subscriberlimitexceeded",
        "maxpinretry",
        "missingpreauth",
        "invalidamount",
        "onetimepasswordexpired",
        "onetimepasswordfailed",
        "timeouterror",
        "userintransaction",
        "othererror",
    }
)
"""DetailedStatusCodes whose text says that billing was not completed, and that of a number which the operator does not
have. In lower case: their spelling varies.
"""

_NO_STATUS: Final = "none"


class Finding(msgspec.Struct, frozen=True):
    """What Strex says of a transaction."""

    status: PremiumStatus
    billed: Billed
    detail: str | None = None
    delivered: bool | None = None
    operator: str | None = None
    result_code: str | None = None
    created_at: datetime | None = None
    modified_at: datetime | None = None


def meaning(seen: Seen, kind: PremiumKind) -> Finding:
    """What was seen of a transaction of this kind. Of a one-time password there is only that it is there."""
    if kind is PremiumKind.ONE_TIME_PASSWORD:
        return Finding(PremiumStatus.OK, Billed.FALSE)
    status = status_of(seen.status_code)
    detail = seen.detailed_status_code
    billed, result = (seen.billed, seen.result_code)
    if seen.strex is not None:
        billed, result = (seen.strex.billed, seen.strex.result_code)
    return Finding(
        status=status,
        billed=_reversed(status) if kind is PremiumKind.REVERSAL else billed_of(billed, status, detail),
        detail=None if detail is None or detail.lower() == _NO_STATUS else detail,
        delivered=seen.delivered,
        operator=seen.operator_id,
        result_code=result,
        created_at=_milliseconds(seen.created),
        modified_at=_milliseconds(seen.last_modified),
    )


def status_of(word: str) -> PremiumStatus:
    """Of a StatusCode; one that is not known is taken for `sent`."""
    return _STATUSES.get(word.lower(), PremiumStatus.SENT)


def billed_of(billed: bool | None, status: PremiumStatus, detail: str | None) -> Billed:
    """Whether money moved for a charge."""
    if billed is not None:
        return Billed.TRUE if billed else Billed.FALSE
    if status is PremiumStatus.FAILED and (detail or "").lower() in _NO_BILL:
        return Billed.FALSE
    return Billed.UNKNOWN


def _reversed(status: PremiumStatus) -> Billed:
    """Whether money moved for a reversal, which has a status of its own for that."""
    if status is PremiumStatus.REVERSED:
        return Billed.TRUE
    return Billed.FALSE if status is PremiumStatus.FAILED else Billed.UNKNOWN


def _milliseconds(at: datetime | None) -> datetime | None:
    return None if at is None else at.replace(microsecond=at.microsecond // 1000 * 1000)
