"""What was changed, and by whom."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from services.ingest.admin.models.base import Page, View


class AuditActorView(View):
    """Who did it."""

    key_id: str
    role: str
    name: str
    ip: str | None


class AuditView(View):
    """One change. `before` and `after` hold what differs, never a secret."""

    id: str
    at: datetime
    actor: AuditActorView
    action: str
    subject: str
    account: str | None
    organisation: str | None
    reason: str | None
    before: dict[str, Any]
    after: dict[str, Any]


class AuditPage(Page):
    """The query of the audit record; each narrows."""

    account: str | None = Field(None, max_length=64)
    organisation: str | None = Field(None, max_length=64)
    actor: str | None = Field(None, max_length=64)


class Audit(View):
    """A page, newest first. `cursor` leads to older ones; null: this is the last."""

    entries: list[AuditView]
    cursor: str | None
