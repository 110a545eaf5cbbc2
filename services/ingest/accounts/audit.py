"""The record of every change: who, when, from where, what, before and after. Written once, never touched again (R-108).

audit   _id (UUIDv7, so in the order of time), the members of `AuditEntry`
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from services.ingest.accounts.account import Account, Key, Organisation, OrganisationId, Utc
from services.ingest.accounts.staff import StaffKey
from shared.ids import AccountId

Members = Mapping[str, Any]

_SECRET: Final = frozenset({"digest", "password"})
_NO_NEWS: Final = frozenset({"version", "changed_at"})


class AuditActor(msgspec.Struct, frozen=True):
    """Who did it, as far as the record says: the id of the key, never the key."""

    key_id: str
    role: str
    name: str
    ip: str | None = None


class AuditEntry(msgspec.Struct, frozen=True):
    """One change. `before` and `after` hold the members that differ, without secrets; one is empty for what came to be
    or ended to be. `subject` is the id of what was changed.
    """

    entry_id: str
    at: Utc
    actor: AuditActor
    action: str
    subject: str
    before: Members
    after: Members
    account_id: AccountId | None = None
    organisation_id: OrganisationId | None = None
    reason: str | None = None


def visible(value: Account | Key | Organisation | StaffKey) -> dict[str, Any]:
    """The members of a struct that may be shown; of a password, only whether there is one."""
    members: dict[str, Any] = msgspec.to_builtins(value, order="sorted")
    access = members.get("access")
    if access is not None:
        members["access"] = {**access, "password": access["password"] is not None}
    return {name: member for name, member in members.items() if name not in _SECRET}


def difference(before: Members, after: Members) -> tuple[dict[str, Any], dict[str, Any]]:
    """What differs, on both sides; empty on both when nothing does."""
    names = [
        name
        for name in dict.fromkeys([*before, *after])
        if name not in _NO_NEWS and before.get(name) != after.get(name)
    ]
    return (
        {name: before[name] for name in names if name in before},
        {name: after[name] for name in names if name in after},
    )
