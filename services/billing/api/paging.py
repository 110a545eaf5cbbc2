"""Pages of a list: what is asked for, and where the next begins."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

import msgspec

from shared import cursors
from shared.errors import FieldError, Refused

T = TypeVar("T")

MOST: Final = 200
USUAL: Final = 100
_DIGITS: Final = 12


class Page(msgspec.Struct, frozen=True):
    """At most `limit`, behind the thing of this id; from the beginning without one."""

    limit: int
    behind: str | None = None

    @property
    def number(self) -> int | None:
        """`behind` as a number. Raises `Refused` (`invalid_request`)."""
        if self.behind is None:
            return None
        if not (self.behind.isascii() and self.behind.isdecimal() and len(self.behind) <= _DIGITS):
            raise no_cursor()
        return int(self.behind)


def page_in(query: Mapping[str, str]) -> Page:
    """The page that a query asks for by `limit` and `cursor`. Raises `Refused` (`invalid_request`)."""
    limit, cursor = query.get("limit", str(USUAL)), query.get("cursor")
    if not (limit.isascii() and limit.isdecimal() and len(limit) <= len(str(MOST)) and 1 <= int(limit) <= MOST):
        raise _wrong("/limit", "out_of_range", f"a whole number from 1 to {MOST}")
    try:
        return Page(int(limit), None if cursor is None else cursors.decode(cursor))
    except ValueError:
        raise no_cursor() from None


def shown(found: Sequence[T], page: Page, id_of: Callable[[T], str]) -> tuple[Sequence[T], str | None]:
    """A page of what was read, one more than it holds, and the cursor of the next; None when this is the last."""
    some, more = cursors.cut(found, page.limit)
    return some, cursors.encode(id_of(some[-1])) if more else None


def no_cursor() -> Refused:
    """The refusal of a cursor that no list gave."""
    return _wrong("/cursor", "invalid_cursor", "is none that a list gave")


def _wrong(pointer: str, code: str, message: str) -> Refused:
    return Refused("invalid_request", "the query is not what is asked for", [FieldError(pointer, code, message)])
