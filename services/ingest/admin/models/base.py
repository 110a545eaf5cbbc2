"""What all bodies of `/admin` have in common: strict on the way in (no unknown member, no conversion), plain on the way
out.
"""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict, Field

MOST_ON_A_PAGE: Final = 200


class Body(BaseModel):
    """What comes in."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, populate_by_name=False)


class View(BaseModel):
    """What goes out."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)


class Page(BaseModel):
    """The query of a list."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(50, ge=1, le=MOST_ON_A_PAGE)
    cursor: str | None = Field(None, max_length=200)


class ErrorView(View):
    """One thing wrong with one field."""

    pointer: str
    code: str
    message: str


class ProblemView(View):
    """A problem document (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str
    detail: str = ""
    errors: list[ErrorView] = []
