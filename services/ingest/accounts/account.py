"""Accounts and their keys, as the rest of the service sees them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec

from services.ingest.accounts.keys import KeyId, Scope
from shared.ids import AccountId

Utc = Annotated[datetime, msgspec.Meta(tz=True)]


class AccountState(StrEnum):
    """Only an active account gets in."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


class Account(msgspec.Struct, frozen=True):
    """Somebody who sends. Without `default_sender` each request must name its own."""

    account_id: AccountId
    name: str
    state: AccountState = AccountState.ACTIVE
    default_sender: str | None = None


class Key(msgspec.Struct, frozen=True):
    """A stored API key: the SHA-256 of its secret, never the secret."""

    key_id: KeyId
    account_id: AccountId
    digest: bytes
    scopes: frozenset[Scope]
    created_at: Utc
    revoked_at: Utc | None = None


class Grant(msgspec.Struct, frozen=True):
    """A key that is not revoked, together with its active account."""

    key: Key
    account: Account
