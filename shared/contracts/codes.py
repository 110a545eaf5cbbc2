"""Reason codes of final states: public, stable, ours. The operator's own code travels beside them."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why a message ended as it did."""

    NO_SUCH_NUMBER = "no_such_number"
    HANDSET_UNREACHABLE = "handset_unreachable"
    BARRED = "barred"
    OPERATOR_REJECTED = "operator_rejected"
    OPERATOR_DELETED = "operator_deleted"
    OPERATOR_REFUSED = "operator_refused"
    OPERATOR_UNKNOWN = "operator_unknown"
    OPTED_OUT = "opted_out"
    QUOTA_EXCEEDED = "quota_exceeded"
    URL_NOT_APPROVED = "url_not_approved"
    SENDER_NOT_REGISTERED = "sender_not_registered"
    INVALID_NUMBER = "invalid_number"
    INVALID_SENDER = "invalid_sender"
    INVALID_TEXT = "invalid_text"
    NO_ROUTE = "no_route"
    VALIDITY_OVER = "validity_over"
    OUTCOME_UNKNOWN = "outcome_unknown"
    ERASED = "erased"


PERMANENT = frozenset({Reason.NO_SUCH_NUMBER, Reason.BARRED, Reason.INVALID_NUMBER})
"""Reasons that speak of the number itself: a customer should drop it."""
