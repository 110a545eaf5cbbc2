"""The service's database: its name, values as rows, and the driver's errors as ours."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec
from pymongo.errors import PyMongoError

from shared.errors import Fatal, TryLater
from shared.stores.mongodb import Document

DATABASE: Final = "retention"

S = TypeVar("S", bound=msgspec.Struct)


def to_row(value: msgspec.Struct) -> Document:
    """The row of a value."""
    row: Document = msgspec.to_builtins(value, builtin_types=(datetime,))
    return row


def from_row(row: dict[str, Any], kind: type[S]) -> S:
    """The value of a row. Raises `Fatal`: whoever wrote another shape knew something that we would lose."""
    try:
        return msgspec.convert(row, kind)
    except msgspec.ValidationError as error:
        raise Fatal("unreadable_retention", f"a row of retention cannot be read: {error}") from None


@asynccontextmanager
async def translated() -> AsyncIterator[None]:
    """Errors of the driver as `TryLater`; the type alone is told, for its text may quote a document."""
    try:
        yield
    except PyMongoError as error:
        raise TryLater("mongodb_unavailable", f"retention's store does not answer ({type(error).__name__})") from None
