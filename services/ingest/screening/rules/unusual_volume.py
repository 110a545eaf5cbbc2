"""Hold while the account's traffic is unusual (R-84): the one rule that reads `abuse.signals`."""

from __future__ import annotations

from services.ingest.screening.facts import Case
from services.ingest.screening.verdict import PASSED, Hold, Passed
from shared.contracts.holds import HoldRule


def unusual_volume(case: Case) -> Passed | Hold:
    """All that the account sends while it sends very much, or while much of it is refused (somebody may be trying what
    gets through: what does is for a person to see). The evidence names the signals that are on.
    """
    return Hold(HoldRule.UNUSUAL_VOLUME, case.signals) if case.signals else PASSED
