"""What `/admin` shows: single things by id, and pages of many. Queries only; indexes stand in `store.py`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from services.ingest.accounts.account import Account, Key, Organisation, OrganisationId
from services.ingest.accounts.audit import AuditEntry
from services.ingest.accounts.keys import KeyId
from services.ingest.accounts.rows import from_row, translated
from services.ingest.accounts.staff import StaffKey
from services.ingest.accounts.store import ON_KAFKA
from shared.ids import AccountId
from shared.stores.mongodb import MongoStore

S = TypeVar("S", Account, Key, Organisation, StaffKey)


class AccountListing:
    """Reads. Pages go by id, upwards from `after`; the audit record goes back in time from `before`.

    `organisation_id` narrows to one organisation: what is another's does not exist. Every call raises `TryLater`
    (`accounts_unavailable`) without a database.
    """

    def __init__(self, store: MongoStore) -> None:
        self._store = store

    async def organisation(self, wanted: OrganisationId) -> Organisation | None:
        """One."""
        return await self._one("organisations", {"_id": wanted}, Organisation)

    async def organisations(
        self, limit: int, after: str | None, organisation_id: OrganisationId | None = None
    ) -> Sequence[Organisation]:
        """A page."""
        return await self._page("organisations", _within(organisation_id, "_id"), Organisation, limit, after)

    async def account(self, wanted: AccountId, organisation_id: OrganisationId | None = None) -> Account | None:
        """One."""
        return await self._one("accounts", {"_id": wanted, **_within(organisation_id)}, Account)

    async def accounts(
        self, limit: int, after: str | None, organisation_id: OrganisationId | None = None
    ) -> Sequence[Account]:
        """A page."""
        return await self._page("accounts", _within(organisation_id), Account, limit, after)

    async def on_kafka(
        self, limit: int, after: str | None, organisation_id: OrganisationId | None = None
    ) -> Sequence[Account]:
        """A page of those whose own systems may come in over Kafka."""
        return await self._page("accounts", {**ON_KAFKA, **_within(organisation_id)}, Account, limit, after)

    async def key(self, account_id: AccountId, wanted: KeyId) -> Key | None:
        """One of an account, whatever became of it."""
        return await self._one("keys", {"_id": wanted, "account_id": account_id}, Key)

    async def keys(self, account_id: AccountId, limit: int, after: str | None) -> Sequence[Key]:
        """A page of an account's keys, revoked ones too."""
        return await self._page("keys", {"account_id": account_id}, Key, limit, after)

    async def staff(self, limit: int, after: str | None) -> Sequence[StaffKey]:
        """A page, revoked ones too."""
        return await self._page("staff", {}, StaffKey, limit, after)

    async def audit(self, limit: int, before: str | None, narrowed: Mapping[str, str]) -> Sequence[AuditEntry]:
        """A page of the audit record, newest first; `narrowed` names members and the values that they must have."""
        query: dict[str, Any] = dict(narrowed)
        if before is not None:
            query["_id"] = {"$lt": before}
        with translated():
            rows = await self._store.database.audit.find(query).sort("_id", -1).limit(limit).to_list()
        return [_entry(row) for row in rows]

    async def done(self, actions: Collection[str], subjects: Collection[str]) -> Sequence[AuditEntry]:
        """What is on the audit record of these actions on these things, in no order."""
        query = {"subject": {"$in": list(subjects)}, "action": {"$in": list(actions)}}
        with translated():
            rows = await self._store.database.audit.find(query).to_list()
        return [_entry(row) for row in rows]

    async def _one(self, collection: str, query: Mapping[str, Any], kind: type[S]) -> S | None:
        with translated():
            row = await self._store.database[collection].find_one(query)
        return from_row(row, kind) if row is not None else None

    async def _page(
        self, collection: str, query: Mapping[str, Any], kind: type[S], limit: int, after: str | None
    ) -> Sequence[S]:
        bounds = [query] if after is None else [query, {"_id": {"$gt": after}}]
        with translated():
            rows = await self._store.database[collection].find({"$and": bounds}).sort("_id", 1).limit(limit).to_list()
        return [from_row(row, kind) for row in rows]


def _entry(row: Mapping[str, Any]) -> AuditEntry:
    return msgspec.convert({"entry_id": row["_id"], **row}, AuditEntry)


def _within(organisation_id: OrganisationId | None, member: str = "organisation_id") -> dict[str, str]:
    return {} if organisation_id is None else {member: organisation_id}
