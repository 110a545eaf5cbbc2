"""An account's keys."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from pydantic import Field

from services.ingest.accounts.keys import Scope
from services.ingest.admin.models.base import Body, View
from services.ingest.admin.models.words import Name, ScopeWord

LONGEST_OVERLAP: Final = 30 * 86_400
DEFAULT_OVERLAP: Final = 86_400


class NewKeyBody(Body):
    """A new key. With the scope `test` everything that it sends is a test."""

    name: Name
    scopes: Annotated[list[ScopeWord], Field(min_length=1, max_length=4)] = Field(
        default_factory=lambda: [Scope.SEND, Scope.READ]
    )


class Rotation(Body):
    """For how many seconds the old key stays good beside the new one."""

    overlap_seconds: Annotated[int, Field(ge=0, le=LONGEST_OVERLAP)] = DEFAULT_OVERLAP


class KeyView(View):
    """A key, without its secret. `last_used_on` is a day (UTC)."""

    id: str
    name: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_on: str | None


class NewKeyView(KeyView):
    """A new key. `key` is shown this once and kept nowhere."""

    key: str


class Keys(View):
    """A page. `cursor` leads to the next one; null: this is the last."""

    keys: list[KeyView]
    cursor: str | None
