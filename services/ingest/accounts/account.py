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


Rate = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]


class Limits(msgspec.Struct, frozen=True):
    """How fast an account may send: each pair is a token bucket, filled per second up to its burst."""

    messages_per_second: Rate
    messages_burst: Rate
    parts_per_second: Rate
    parts_burst: Rate


class Account(msgspec.Struct, frozen=True):
    """Somebody who sends. Without `default_sender` each request must name its own; without `limits` those of the
    door's settings hold.
    """

    account_id: AccountId
    name: str
    state: AccountState = AccountState.ACTIVE
    default_sender: str | None = None
    limits: Limits | None = None


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
