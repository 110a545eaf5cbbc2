"""Opaque cursors (`shared.cursors`) in the queries of `/admin`."""

from __future__ import annotations

from services.ingest.admin.problems import AdminFieldCode, Invalid
from shared import cursors
from shared.cursors import cut, encode
from shared.errors import FieldError

__all__ = ["cut", "decode", "encode"]


def decode(cursor: str | None) -> str | None:
    """The id that a cursor stands behind. Raises `Invalid` for one that no list gave out."""
    if cursor is None:
        return None
    try:
        return cursors.decode(cursor)
    except ValueError:
        error = FieldError("", AdminFieldCode.INVALID_CURSOR, "query parameter cursor: is none that a list gave")
        raise Invalid([error]) from None
