"""Refuse what a suspended or closed account sends, or a suspended part of it (R-90)."""

from __future__ import annotations

from services.ingest.screening.facts import Case
from services.ingest.screening.verdict import PASSED, Passed, Reject
from shared.contracts.codes import Reason
from shared.contracts.words import AccountState


def suspended(case: Case) -> Passed | Reject:
    """The whole account, the lane, then the sender. Doors refuse the same; what was on its way is stopped here."""
    account = case.account
    if account.state is not AccountState.ACTIVE:
        return Reject(Reason.ACCOUNT_SUSPENDED, "suspended")
    if case.request.lane in account.stopped_lanes:
        return Reject(Reason.LANE_SUSPENDED, "suspended")
    if account.stopped_senders and case.form.sender.casefold() in account.stopped_senders:
        return Reject(Reason.SENDER_SUSPENDED, "suspended")
    return PASSED
