"""Opaque cursors: where the next page of a list begins."""

from __future__ import annotations

import binascii
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import TypeVar

from services.ingest.admin.problems import AdminFieldCode, Invalid
from shared.errors import FieldError

T = TypeVar("T")


def encode(last: str) -> str:
    """The cursor behind a thing of this id."""
    return urlsafe_b64encode(last.encode()).rstrip(b"=").decode()


def decode(cursor: str | None) -> str | None:
    """The id that a cursor stands behind. Raises `Invalid` for one that no list gave out."""
    if cursor is None:
        return None
    try:
        if cursor.isascii():
            return b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        pass
    raise Invalid([FieldError("", AdminFieldCode.INVALID_CURSOR, "query parameter cursor: is none that a list gave")])


def cut(found: Sequence[T], limit: int) -> tuple[Sequence[T], bool]:
    """A page of what was read, one more than the page holds; and whether there is another."""
    return found[:limit], len(found) > limit
