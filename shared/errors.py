"""The one tree of errors. The class says what the caller does next; text is for people, never for code.

    BudstikkeError
    ├── Refused            reject: the input is wrong and stays wrong; names the field and the reason
    │   └── BadRecord      reject: a record that cannot be read or handled, ever (dead letter)
    ├── TryLater           retry: something we depend on does not answer, or asks for patience
    │   └── Postponed      retry: this one piece of work, some other time; what else there is can go on
    └── Fatal              stop: going on could lose or double something
        └── BadSettings    stop: a setting is missing or wrong; names it

No error carries a telephone number or a text of a message.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import ClassVar

import msgspec


class Disposition(StrEnum):
    """What whoever catches an error does with the work that raised it."""

    REJECT = "reject"
    RETRY = "retry"
    STOP = "stop"


class BudstikkeError(Exception):
    """Root of the tree. `code` is public, documented and stable; `detail` may change at any time."""

    disposition: ClassVar[Disposition] = Disposition.STOP

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class FieldError(msgspec.Struct, frozen=True):
    """One thing wrong with one field. `pointer` is a JSON pointer (RFC 6901) into the input, `""` for the whole."""

    pointer: str
    code: str
    message: str


class Refused(BudstikkeError):
    """The input is wrong and would be wrong again."""

    disposition = Disposition.REJECT

    def __init__(self, code: str, detail: str, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(code, detail)
        self.errors = tuple(errors)


class BadRecord(Refused):
    """A record that no attempt will ever handle: it belongs on the dead-letter topic."""


class TryLater(BudstikkeError):
    """A dependency does not answer; the same work may well succeed later."""

    disposition = Disposition.RETRY


class Postponed(TryLater):
    """One piece of work cannot be done now and need not hold up others.

    A stage with retry topics moves the record there; anybody else treats it as the TryLater that it is.
    """


class Fatal(BudstikkeError):
    """The process must not go on."""


class BadSettings(Fatal):
    """A setting is missing, malformed or out of range; `detail` names it and the remedy."""
