"""Opaque cursors: where the next page of a list begins."""

from __future__ import annotations

import binascii
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


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


def cut(found: Sequence[T], limit: int) -> tuple[Sequence[T], bool]:
    """A page of what was read, one more than the page holds; and whether there is another."""
    return found[:limit], len(found) > limit
