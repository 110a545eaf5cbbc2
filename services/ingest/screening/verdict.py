"""What screening decides about one request."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from shared.contracts.codes import Reason
from shared.text.numbers import Number
from shared.text.segments import Coding


class Pass(msgspec.Struct, frozen=True):
    """The request becomes a message, to this number in E.164 and from this sender as it is sent."""

    number: Number
    sender: str
    coding: Coding
    parts: int
    country: str

    def __repr__(self) -> str:
        return f"Pass(coding={self.coding}, parts={self.parts}, country={self.country})"


class Reject(msgspec.Struct, frozen=True):
    """A rule refuses it. `code` is what the customer reads; `rule` is which rule it was."""

    code: Reason
    rule: str


class Expire(msgspec.Struct, frozen=True):
    """It was valid until a time that has gone by."""


Verdict: TypeAlias = Pass | Reject | Expire
