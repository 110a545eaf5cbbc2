"""Queries of the collections `accounts` and `keys` (database `ingest`), and their indexes.

accounts   _id account id, name, state, default_sender
keys       _id key id, account_id, digest (SHA-256 of the secret), scopes, created_at, revoked_at
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

import msgspec
from bson.binary import Binary
from pymongo import ASCENDING, IndexModel
from pymongo.errors import PyMongoError

from services.ingest.accounts.account import Account, AccountState, Grant, Key
from services.ingest.accounts.keys import KeyId
from shared.errors import TryLater
from shared.stores.mongodb import MongoStore

DATABASE: Final = "ingest"

_KEY_INDEXES: Final = (IndexModel([("account_id", ASCENDING)], name="by_account"),)


class AccountStore:
    """Reads and writes accounts and keys. Every call raises `TryLater` (`accounts_unavailable`) without a database."""

    def __init__(self, store: MongoStore) -> None:
        self._store = store

    async def prepare(self) -> None:
        """Make the indexes; a repeat is nothing."""
        with _translated():
            await self._store.database.keys.create_indexes(list(_KEY_INDEXES))

    async def add_account(self, account: Account) -> None:
        """Insert an account, unless one of that id exists: that one is left as it is."""
        row = msgspec.to_builtins(account)
        row["_id"] = row.pop("account_id")
        with _translated():
            await self._store.database.accounts.update_one({"_id": row["_id"]}, {"$setOnInsert": row}, upsert=True)

    async def add_key(self, key: Key) -> None:
        """Insert a key."""
        row = {
            "_id": key.key_id,
            "account_id": key.account_id,
            "digest": Binary(key.digest),
            "scopes": sorted(key.scopes),
            "created_at": key.created_at,
            "revoked_at": key.revoked_at,
        }
        with _translated():
            await self._store.database.keys.insert_one(row)

    async def revoke_key(self, key_id: KeyId, at: datetime) -> None:
        """Revoke a key; a repeat keeps the first time."""
        with _translated():
            await self._store.database.keys.update_one(
                {"_id": key_id, "revoked_at": None}, {"$set": {"revoked_at": at}}
            )

    async def grant(self, key_id: KeyId) -> Grant | None:
        """The key and its account; None when the key is unknown or revoked, or the account not active."""
        with _translated():
            row = await self._store.database.keys.find_one({"_id": key_id, "revoked_at": None})
            if row is None:
                return None
            owner = await self._store.database.accounts.find_one({"_id": row["account_id"]})
        if owner is None:
            return None
        account = msgspec.convert(_named(owner, "account_id"), Account)
        if account.state is not AccountState.ACTIVE:
            return None
        return Grant(key=msgspec.convert(_named(row, "key_id"), Key), account=account)


def _named(row: dict[str, Any], name: str) -> dict[str, Any]:
    """A document with its `_id` under the name it has in our structs."""
    return {name: row["_id"], **row}


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except PyMongoError as error:
        raise TryLater("accounts_unavailable", f"the account store does not answer ({type(error).__name__})") from None
