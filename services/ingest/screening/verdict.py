"""What a rule, and all rules together, say of one request."""

from __future__ import annotations

from datetime import datetime
from typing import Final, TypeAlias

import msgspec

from shared.contracts.codes import Reason
from shared.contracts.holds import DelayRule, HoldRule


class Passed(msgspec.Struct, frozen=True):
    """Nothing speaks against it."""


class Reject(msgspec.Struct, frozen=True):
    """A rule refuses it. `code` is what the customer reads; `rule` is which rule it was."""

    code: Reason
    rule: str


class Expire(msgspec.Struct, frozen=True):
    """It was valid until a time that has gone by."""


class Delay(msgspec.Struct, frozen=True):
    """Not now, but from `until` on it may be asked again."""

    until: datetime
    rule: DelayRule


class Hold(msgspec.Struct, frozen=True):
    """A person has to look. `evidence` names domains, months and the like, never a number or a text; it is the same
    for messages that can be decided on together.
    """

    rule: HoldRule
    evidence: tuple[str, ...] = ()


class Held(msgspec.Struct, frozen=True):
    """Everything for which a person has to look, in the order of the rules."""

    holds: tuple[Hold, ...]


PASSED: Final = Passed()

RuleVerdict: TypeAlias = Passed | Reject | Delay | Hold
Verdict: TypeAlias = Passed | Reject | Expire | Delay | Held
