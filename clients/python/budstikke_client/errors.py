"""What may go wrong.

BudstikkeError
├── Refused        the gateway says no; the same again would be refused again
├── Unavailable    no answer, after all attempts: repeat with the same idempotency key
├── WaitTimeout    no final state yet
└── BadSignature   a webhook that is not from the gateway, or too old
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from budstikke_client.models import Status


class BudstikkeError(Exception):
    """Root of the tree."""


@dataclass(frozen=True)
class FieldError:
    """One thing wrong with one field; `pointer` is a JSON pointer into the request."""

    pointer: str
    code: str
    message: str


class Refused(BudstikkeError):
    """A problem document. `code` is stable and documented; texts are for people."""

    def __init__(self, status: int, code: str, title: str, detail: str, errors: Sequence[FieldError]) -> None:
        super().__init__(f"{status} {code}: {title}" + "".join(f"; {one.pointer} {one.code}" for one in errors))
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.errors = tuple(errors)


class Unavailable(BudstikkeError):
    """Whether the gateway took the request is not known: `idempotency_key` is what it went under, if it was a send."""

    def __init__(self, detail: str, idempotency_key: str | None) -> None:
        super().__init__(detail)
        self.idempotency_key = idempotency_key


class WaitTimeout(BudstikkeError):
    """`status` is how the message was when waiting ended."""

    def __init__(self, status: Status) -> None:
        super().__init__(f"message {status.id} is still {status.state}")
        self.status = status


class BadSignature(BudstikkeError):
    """Do not believe it."""
