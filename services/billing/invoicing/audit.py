"""The record of what finance did: who, when, what, before and after. Written with the change, never touched again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One command. `actor` is the id of the key that asked, never the key."""

    at: datetime
    actor: str
    action: str
    subject: str
    before: Mapping[str, Any] = {}
    after: Mapping[str, Any] = {}
