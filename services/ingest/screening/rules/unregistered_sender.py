"""Refuse a sender that is not the account's (R-95, R-158; operators stop names that are not registered)."""

from __future__ import annotations

from services.ingest.screening.facts import Case
from services.ingest.screening.verdict import PASSED, Passed, Reject
from shared.contracts.codes import Reason
from shared.contracts.words import Door


def unregistered_sender(case: Case) -> Passed | Reject:
    """Registered are the account's default sender and what staff registered, in any case of letters. An answer to an
    incoming message comes from the number that was written to, which is the account's by its keyword.
    """
    if case.request.door is Door.INBOUND or case.form.sender.casefold() in case.account.senders:
        return PASSED
    return Reject(Reason.SENDER_NOT_REGISTERED, "unregistered_sender")
