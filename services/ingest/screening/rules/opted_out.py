"""Refuse what goes to somebody who asked for no more, of the account or of this sender (R-96, R-185)."""

from __future__ import annotations

from services.ingest.screening.facts import Case
from services.ingest.screening.verdict import PASSED, Passed, Reject
from shared.contracts.codes import Reason


def opted_out(case: Case) -> Passed | Reject:
    """Whatever the category: who said stop means it."""
    return Reject(Reason.OPTED_OUT, "opted_out") if case.opted_out else PASSED
