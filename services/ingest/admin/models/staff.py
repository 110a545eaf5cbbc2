"""People on our side, and their keys."""

from __future__ import annotations

from datetime import datetime

from services.ingest.accounts.staff import Role
from services.ingest.admin.models.base import Body, View
from services.ingest.admin.models.words import Name, RoleWord


class NewStaff(Body):
    """A personal key for somebody on our side."""

    name: Name
    role: RoleWord


class StaffView(View):
    """A person's key, without its secret."""

    id: str
    name: str
    role: Role
    created_at: datetime
    revoked_at: datetime | None


class NewStaffView(StaffView):
    """A new personal key. `key` is shown this once and kept nowhere."""

    key: str


class Staff(View):
    """A page. `cursor` leads to the next one; null: this is the last."""

    staff: list[StaffView]
    cursor: str | None
