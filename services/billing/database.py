"""The service's database: its name, and the driver's errors as ours."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from pymongo.errors import PyMongoError

from shared.errors import TryLater

DATABASE: Final = "billing"
DUPLICATE_KEY: Final = 11000


@asynccontextmanager
async def translated() -> AsyncIterator[None]:
    """Errors of the driver as `TryLater`; the type alone is told, for its text may quote a document."""
    try:
        yield
    except PyMongoError as error:
        raise TryLater("mongodb_unavailable", f"the books do not answer ({type(error).__name__})") from None
