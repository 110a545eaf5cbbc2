"""Hold while the account's traffic is unusual (R-84): the one rule that reads `abuse.signals`."""

from __future__ import annotations

from services.ingest.screening.facts import Case
from services.ingest.screening.verdict import PASSED, Hold, Passed
from shared.contracts.holds import HoldRule


def unusual_volume(case: Case) -> Passed | Hold:
    """All that the account sends while the signal `volume` is on."""
    return Hold(HoldRule.UNUSUAL_VOLUME) if case.unusual_volume else PASSED
