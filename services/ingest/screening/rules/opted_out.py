"""Refuse what goes to somebody who asked for no more, of the account or of this sender (R-96, R-185)."""

from __future__ import annotations

from services.ingest.screening.facts import Case
from services.ingest.screening.verdict import PASSED, Passed, Reject
from shared.contracts.codes import Reason
from shared.contracts.words import Door


def opted_out(case: Case) -> Passed | Reject:
    """Whatever the category: who said stop means it. An answer to a message of theirs is what they have just asked for,
    the confirmation of their stop among others.
    """
    if case.opted_out and case.request.door is not Door.INBOUND:
        return Reject(Reason.OPTED_OUT, "opted_out")
    return PASSED
