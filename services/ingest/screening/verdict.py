"""What screening decides about one request."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from shared.contracts.codes import Reason
from shared.text.segments import Coding


class Pass(msgspec.Struct, frozen=True):
    """The request becomes a message."""

    coding: Coding
    parts: int
    country: str


class Reject(msgspec.Struct, frozen=True):
    """A rule refuses it. `code` is what the customer reads; `rule` is which rule it was."""

    code: Reason
    rule: str


class Expire(msgspec.Struct, frozen=True):
    """It was valid until a time that has gone by."""


Verdict: TypeAlias = Pass | Reject | Expire
