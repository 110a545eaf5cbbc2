"""Opaque cursors: where the next page of a list begins."""

from __future__ import annotations

import binascii
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, TypeVar

T = TypeVar("T")

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


class Place(NamedTuple):
    """Where a thing stands in a list by time: when, to the millisecond as the database keeps it, and its id."""

    at: datetime
    id: str


def encode(last: str) -> str:
    """The cursor behind a thing of this id."""
    return urlsafe_b64encode(last.encode()).rstrip(b"=").decode()


def decode(cursor: str) -> str:
    """The id that a cursor stands behind. Raises `ValueError` for one that no list gave out."""
    if not cursor.isascii():
        raise ValueError("no cursor")
    try:
        return b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise ValueError("no cursor") from None


def place(at: datetime, name: str) -> Place:
    """Where a thing of this time and id stands."""
    return Place(_EPOCH + (at - _EPOCH) // _MILLISECOND * _MILLISECOND, name)


def behind(at: datetime, name: str) -> str:
    """The cursor behind a thing of this time and id."""
    return encode(f"{(at - _EPOCH) // _MILLISECOND}.{name}")


def place_of(cursor: str) -> Place:
    """The place that a cursor stands behind. Raises `ValueError` for one that no list gave out."""
    milliseconds, _, name = decode(cursor).partition(".")
    try:
        return Place(_EPOCH + int(milliseconds) * _MILLISECOND, name)
    except OverflowError:
        raise ValueError("no cursor") from None


def cut(found: Sequence[T], limit: int) -> tuple[Sequence[T], bool]:
    """A page of what was read, one more than the page holds; and whether there is another."""
    return found[:limit], len(found) > limit
