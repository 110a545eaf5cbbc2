"""Hold messages whose links nobody has approved for the account (R-86, R-87)."""

from __future__ import annotations

from services.ingest.screening.facts import Case
from services.ingest.screening.verdict import PASSED, Hold, Passed
from shared.contracts.holds import HoldRule
from shared.text.links import hosts, is_approved


def unapproved_link(case: Case) -> Passed | Hold:
    """Hold when a link's host neither is an approved domain nor lies below one. The evidence names such hosts."""
    unknown = sorted(host for host in hosts(case.text) if not is_approved(host, case.account.domains))
    return Hold(HoldRule.UNAPPROVED_LINK, tuple(unknown)) if unknown else PASSED
