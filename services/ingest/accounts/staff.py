"""The people on our side: personal keys, what they do, and what that lets them (the table of permissions)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

from services.ingest.accounts.account import OrganisationId, Utc
from services.ingest.accounts.keys import KeyId


class Role(StrEnum):
    """What a person does."""

    DESK = "desk"
    OPERATIONS = "operations"
    FINANCE = "finance"
    ADMIN = "admin"


class Permission(StrEnum):
    """One thing that somebody may do under `/admin`."""

    ACCOUNTS_READ = "accounts:read"
    ACCOUNTS_CHANGE = "accounts:change"
    ACCOUNTS_SUSPEND = "accounts:suspend"
    ACCOUNTS_CLOSE = "accounts:close"
    ACCESS_CHANGE = "access:change"
    KEYS_READ = "keys:read"
    KEYS_CHANGE = "keys:change"
    CLIENTS_CHANGE = "clients:change"
    HOLDS_READ = "holds:read"
    HOLDS_DECIDE = "holds:decide"
    AUDIT_READ = "audit:read"
    STAFF_READ = "staff:read"
    STAFF_CHANGE = "staff:change"
    BOOKS_READ = "books:read"
    BOOKS_CHANGE = "books:change"
    PRIVACY_READ = "privacy:read"
    PRIVACY_CHANGE = "privacy:change"


PERMISSIONS: Final[Mapping[Role, frozenset[Permission]]] = {
    Role.DESK: frozenset(
        {
            Permission.ACCOUNTS_READ,
            Permission.ACCOUNTS_SUSPEND,
            Permission.KEYS_READ,
            Permission.HOLDS_READ,
            Permission.HOLDS_DECIDE,
        }
    ),
    Role.OPERATIONS: frozenset(
        {
            Permission.ACCOUNTS_READ,
            Permission.ACCOUNTS_CHANGE,
            Permission.ACCOUNTS_SUSPEND,
            Permission.ACCESS_CHANGE,
            Permission.KEYS_READ,
            Permission.KEYS_CHANGE,
            Permission.AUDIT_READ,
        }
    ),
    Role.FINANCE: frozenset(
        {Permission.ACCOUNTS_READ, Permission.AUDIT_READ, Permission.BOOKS_READ, Permission.BOOKS_CHANGE}
    ),
    Role.ADMIN: frozenset(Permission),
}
CUSTOMER: Final = frozenset(
    {Permission.ACCOUNTS_READ, Permission.ACCESS_CHANGE, Permission.KEYS_READ, Permission.KEYS_CHANGE}
)
"""What an account's own key with the scope `admin` may do, within its organisation alone (R-101)."""


class StaffKey(msgspec.Struct, frozen=True):
    """A person's key: the SHA-256 of its secret. `name` says who the person is."""

    key_id: KeyId
    name: str
    role: Role
    digest: bytes
    created_at: Utc
    revoked_at: Utc | None = None


class Actor(msgspec.Struct, frozen=True):
    """Who does something under `/admin`, and how far that goes: `organisation_id` None is everywhere.

    `role` is a `Role`, or `account` for an account's own key, or `console` for a command on the machine itself.
    """

    key_id: str
    role: str
    name: str
    ip: str | None
    permissions: frozenset[Permission]
    organisation_id: OrganisationId | None = None


CONSOLE: Final = Actor("console", "console", "console", None, frozenset(Permission))
"""Whoever may run our commands on the machine, with the database's address in hand."""
