"""What doors ask of the database `ingest`: keys, accounts and staff keys; and the indexes of those collections.

organisations  _id organisation id, name, created_at
accounts       _id account id, the members of `Account`; `unpublished` while its topic lacks this version
keys           _id key id, the members of `Key`
staff          _id key id, the members of `StaffKey`
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final

from pymongo import ASCENDING, DESCENDING, IndexModel

from services.ingest.accounts.account import Account, Grant, Key, Organisation
from services.ingest.accounts.keys import KeyId
from services.ingest.accounts.rows import from_row, to_row, translated
from services.ingest.accounts.staff import StaffKey
from shared.contracts.words import AccountState
from shared.ids import AccountId
from shared.stores.mongodb import MongoStore

DATABASE: Final = "ingest"

ON_KAFKA: Final = {"access.kafka": {"$type": "object"}}
"""Accounts whose own systems may come in over Kafka."""

_ACCOUNT_INDEXES: Final = (
    IndexModel([("organisation_id", ASCENDING), ("_id", ASCENDING)], name="by_organisation"),
    IndexModel([("unpublished", ASCENDING)], name="unpublished", partialFilterExpression={"unpublished": True}),
    IndexModel([("_id", ASCENDING), ("organisation_id", ASCENDING)], name="on_kafka", partialFilterExpression=ON_KAFKA),
)
_KEY_INDEXES: Final = (IndexModel([("account_id", ASCENDING), ("_id", ASCENDING)], name="by_account"),)
_AUDIT_INDEXES: Final = (
    IndexModel([("account_id", ASCENDING), ("_id", DESCENDING)], name="by_account"),
    IndexModel([("organisation_id", ASCENDING), ("_id", DESCENDING)], name="by_organisation"),
    IndexModel([("actor.key_id", ASCENDING), ("_id", DESCENDING)], name="by_actor"),
    IndexModel([("subject", ASCENDING), ("_id", DESCENDING)], name="by_subject"),
)


class AccountStore:
    """Reads and writes accounts and keys. Every call raises `TryLater` (`accounts_unavailable`) without a database."""

    def __init__(self, store: MongoStore) -> None:
        self._store = store

    async def prepare(self) -> None:
        """Make the collections and their indexes; a repeat is nothing."""
        database = self._store.database
        with translated():
            await self._store.make_collections("organisations", "staff")
            await database.accounts.create_indexes(list(_ACCOUNT_INDEXES))
            await database.keys.create_indexes(list(_KEY_INDEXES))
            await database.audit.create_indexes(list(_AUDIT_INDEXES))

    async def add_organisation(self, organisation: Organisation) -> None:
        """Insert an organisation, unless one of that id exists: that one is left as it is."""
        row = to_row(organisation)
        with translated():
            await self._store.database.organisations.update_one({"_id": row["_id"]}, {"$setOnInsert": row}, upsert=True)

    async def add_account(self, account: Account) -> None:
        """Insert an account, unless one of that id exists: that one is left as it is."""
        row = to_row(account)
        with translated():
            await self._store.database.accounts.update_one(
                {"_id": row["_id"]}, {"$setOnInsert": {**row, "unpublished": True}}, upsert=True
            )

    async def add_key(self, key: Key) -> None:
        """Insert a key."""
        with translated():
            await self._store.database.keys.insert_one(to_row(key))

    async def revoke_key(self, key_id: KeyId, at: datetime) -> None:
        """Revoke a key; a repeat keeps the first time."""
        with translated():
            await self._store.database.keys.update_one(
                {"_id": key_id, "revoked_at": None}, {"$set": {"revoked_at": at}}
            )

    async def grant(self, key_id: KeyId) -> Grant | None:
        """The key and its account; None when the key is unknown or revoked, or the account closed."""
        with translated():
            row = await self._store.database.keys.find_one({"_id": key_id, "revoked_at": None})
        account = await self.account(row["account_id"]) if row is not None else None
        if row is None or account is None:
            return None
        return Grant(key=from_row(row, Key), account=account)

    async def account(self, account_id: AccountId) -> Account | None:
        """The account; None when there is none, or it is closed."""
        with translated():
            row = await self._store.database.accounts.find_one({"_id": account_id})
        account = from_row(row, Account) if row is not None else None
        return account if account is not None and account.state is not AccountState.CLOSED else None

    async def staff(self, key_id: KeyId) -> StaffKey | None:
        """A person's key; None when it is unknown or revoked."""
        with translated():
            row = await self._store.database.staff.find_one({"_id": key_id, "revoked_at": None})
        return from_row(row, StaffKey) if row is not None else None

    async def used(self, keys: Collection[KeyId], day: str) -> None:
        """These keys were used on that UTC day (YYYY-MM-DD)."""
        with translated():
            await self._store.database.keys.update_many(
                {"_id": {"$in": list(keys)}, "last_used_on": {"$ne": day}}, {"$set": {"last_used_on": day}}
            )
