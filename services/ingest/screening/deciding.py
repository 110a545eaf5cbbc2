"""All rules on one request: the first refusal, else everything that a person has to look at, else the delay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from services.ingest.screening.facts import Case
from services.ingest.screening.rules.opted_out import opted_out
from services.ingest.screening.rules.quiet_hours import quiet_hours
from services.ingest.screening.rules.suspended import suspended
from services.ingest.screening.rules.unapproved_link import unapproved_link
from services.ingest.screening.rules.unregistered_sender import unregistered_sender
from services.ingest.screening.rules.unusual_volume import unusual_volume
from services.ingest.screening.verdict import PASSED, Delay, Held, Hold, Passed, Reject, RuleVerdict

RULES: Final[tuple[Callable[[Case], RuleVerdict], ...]] = (
    suspended,
    opted_out,
    unregistered_sender,
    unapproved_link,
    unusual_volume,
    quiet_hours,
)
"""In this order; the monthly cap comes behind them, for what they let pass is what counts."""


def decide(case: Case) -> Passed | Reject | Held | Delay:
    """What the rules say together. A rule that a person has decided on for this message is not asked again.

    A hold comes before a delay: the person may look while the message would wait anyway.
    """
    release = case.request.hold_release
    decided = release.rules if release is not None else ()
    holds: list[Hold] = []
    delay: Delay | None = None
    for rule in RULES:
        verdict = rule(case)
        if verdict is PASSED:
            continue
        if isinstance(verdict, Reject):
            return verdict
        if isinstance(verdict, Hold):
            if verdict.rule not in decided:
                holds.append(verdict)
        elif isinstance(verdict, Delay):
            delay = verdict
    if holds:
        return Held(tuple(holds))
    return delay or PASSED
