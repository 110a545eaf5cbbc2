"""Every change to organisations, accounts, keys and staff: one transaction with its line in the audit record.

A change of an account, or of anything that is an account's, makes the next version of the account and marks it
`unpublished` in the same transaction; `AccountRelay` tells the others.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final, TypeVar

import msgspec
import uuid_utils
from pymongo import WriteConcern
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import DuplicateKeyError
from pymongo.read_concern import ReadConcern

from services.ingest.accounts import changes
from services.ingest.accounts.account import Account, Key, Organisation, OrganisationId
from services.ingest.accounts.audit import AuditActor, AuditEntry, Members, difference, visible
from services.ingest.accounts.changes import ChangeCode
from services.ingest.accounts.keys import KeyId
from services.ingest.accounts.rows import Row, from_row, to_row, translated
from services.ingest.accounts.staff import Actor, Role, StaffKey
from shared.clock import Clock
from shared.errors import FieldError, Refused
from shared.ids import AccountId
from shared.stores.mongodb import MongoStore

T = TypeVar("T")

_WRITE: Final = WriteConcern(w="majority", j=True, wtimeout=15_000)
_READ: Final = ReadConcern("snapshot")


class AccountBook:
    """Changes what is on record. `changed` is called after each change of an account, for the relay to wake up.

    Every method raises `TryLater` (`accounts_unavailable`) without a database, and is all or nothing. One that finds
    nothing to change writes nothing, not even to the audit record.
    """

    def __init__(self, store: MongoStore, clock: Clock, changed: Callable[[], None] = lambda: None) -> None:
        self._store = store
        self._clock = clock
        self._changed = changed

    async def add_organisation(self, actor: Actor, organisation: Organisation) -> None:
        """A new organisation. Raises `Refused` (`already_exists`)."""

        async def act(session: AsyncClientSession) -> None:
            await self._store.database.organisations.insert_one(to_row(organisation), session=session)
            await self._record(session, actor, "organisation.create", organisation.organisation_id, None, organisation)

        await self.transaction(act)

    async def rename_organisation(self, actor: Actor, organisation: Organisation, name: str) -> Organisation:
        """Give it another name; as it is now."""
        after = msgspec.structs.replace(organisation, name=name)

        async def act(session: AsyncClientSession) -> None:
            found = await self._store.database.organisations.find_one_and_update(
                {"_id": organisation.organisation_id, "name": {"$ne": name}}, {"$set": {"name": name}}, session=session
            )
            if found is not None:
                before = from_row(found, Organisation)
                await self._record(session, actor, "organisation.change", before.organisation_id, before, after)

        await self.transaction(act)
        return after

    async def add_account(self, actor: Actor, account: Account) -> Account:
        """A new account, as stored. Raises `Refused` (`already_exists`)."""
        now = self._clock.now()
        stored = msgspec.structs.replace(account, version=1, created_at=now, changed_at=now)

        async def act(session: AsyncClientSession) -> None:
            row = {**to_row(stored), "unpublished": True}
            await self._store.database.accounts.insert_one(row, session=session)
            await self._record(session, actor, "account.create", stored.account_id, None, stored, account=stored)

        await self.transaction(act)
        self._changed()
        return stored

    async def change_account(
        self,
        actor: Actor,
        account_id: AccountId,
        action: str,
        decide: Callable[[Account], Account],
        reason: str | None = None,
    ) -> Account | None:
        """Change an account as `decide` says, which may raise `Refused` and be called again; None: there is none."""

        async def act(session: AsyncClientSession) -> Account | None:
            row = await self._store.database.accounts.find_one({"_id": account_id}, session=session)
            if row is None:
                return None
            before = from_row(row, Account)
            after = decide(before)
            if after == before:
                return before
            after = await self.next_version(session, before, after)
            await self._record(session, actor, action, account_id, before, after, account=after, reason=reason)
            return after

        account = await self.transaction(act)
        self._changed()
        return account

    async def add_key(self, actor: Actor, key: Key) -> None:
        """A new key of an account that is open. Raises `Refused` (`account_closed`)."""

        async def act(session: AsyncClientSession) -> None:
            account = await self._owner(session, key.account_id)
            changes.require_open(account)
            await self._store.database.keys.insert_one(to_row(key), session=session)
            await self._record(session, actor, "key.create", key.key_id, None, key, account=account)

        await self.transaction(act)
        self._changed()

    async def replace_key(self, actor: Actor, old: Key, fresh: Key) -> None:
        """`fresh` beside `old`, whose new end is `old.expires_at` or `old.revoked_at`. Raises `Refused`:
        `account_closed`; `key_not_active` when the old key was revoked or rotated meanwhile.
        """

        async def act(session: AsyncClientSession) -> None:
            account = await self._owner(session, old.account_id)
            changes.require_open(account)
            row = await self._store.database.keys.find_one_and_update(
                {"_id": old.key_id, "revoked_at": None, "expires_at": None},
                {"$set": {"expires_at": old.expires_at, "revoked_at": old.revoked_at}},
                session=session,
            )
            if row is None:
                raise Refused(ChangeCode.KEY_NOT_ACTIVE, "the key is revoked, or was rotated before")
            await self._store.database.keys.insert_one(to_row(fresh), session=session)
            before = from_row(row, Key)
            await self._record(session, actor, "key.rotate", old.key_id, before, old, account=account)
            await self._record(session, actor, "key.create", fresh.key_id, None, fresh, account=account)

        await self.transaction(act)
        self._changed()

    async def revoke_key(self, actor: Actor, key: Key) -> None:
        """End a key now; a repeat is nothing."""

        async def act(session: AsyncClientSession) -> None:
            account = await self._owner(session, key.account_id)
            now = self._clock.now()
            row = await self._store.database.keys.find_one_and_update(
                {"_id": key.key_id, "revoked_at": None}, {"$set": {"revoked_at": now}}, session=session
            )
            if row is not None:
                before = from_row(row, Key)
                after = msgspec.structs.replace(before, revoked_at=now)
                await self._record(session, actor, "key.revoke", key.key_id, before, after, account=account)

        await self.transaction(act)
        self._changed()

    async def add_staff(self, actor: Actor, key: StaffKey) -> None:
        """A new personal key."""

        async def act(session: AsyncClientSession) -> None:
            await self._store.database.staff.insert_one(to_row(key), session=session)
            await self._record(session, actor, "staff.create", key.key_id, None, key)

        await self.transaction(act)

    async def revoke_staff(self, actor: Actor, key_id: KeyId) -> StaffKey | None:
        """End a personal key; a repeat is nothing; None: there is none. Raises `Refused` (`last_admin`)."""

        async def act(session: AsyncClientSession) -> StaffKey | None:
            staff = self._store.database.staff
            row = await staff.find_one({"_id": key_id}, session=session)
            if row is None:
                return None
            before = from_row(row, StaffKey)
            if before.revoked_at is not None:
                return before
            if before.role is Role.ADMIN:
                # Touches every admin, so that of two who revoke each other one has to begin again.
                admins = await staff.update_many(
                    {"role": Role.ADMIN, "revoked_at": None}, {"$inc": {"counted": 1}}, session=session
                )
                if admins.matched_count < 2:
                    raise Refused(ChangeCode.LAST_ADMIN, "without this key nobody could make another")
            after = msgspec.structs.replace(before, revoked_at=self._clock.now())
            await staff.update_one({"_id": key_id}, {"$set": {"revoked_at": after.revoked_at}}, session=session)
            await self._record(session, actor, "staff.revoke", key_id, before, after)
            return after

        return await self.transaction(act)

    async def _owner(self, session: AsyncClientSession, account_id: AccountId) -> Account:
        """The account of a key that changes, in its next version."""
        row = await self._store.database.accounts.find_one({"_id": account_id}, session=session)
        if row is None:
            raise Refused(ChangeCode.ACCOUNT_CLOSED, "the account is gone")
        before = from_row(row, Account)
        return await self.next_version(session, before, before)

    async def next_version(self, session: AsyncClientSession, before: Account, after: Account) -> Account:
        """Store a changed account as the version behind the one before, for the relay to tell; within a transaction."""
        stored = msgspec.structs.replace(after, version=before.version + 1, changed_at=self._clock.now())
        row = {name: value for name, value in to_row(stored).items() if name != "_id"}
        await self._store.database.accounts.update_one(
            {"_id": before.account_id}, {"$set": {**row, "unpublished": True}}, session=session
        )
        return stored

    async def _record(
        self,
        session: AsyncClientSession,
        actor: Actor,
        action: str,
        subject: str,
        before: Account | Key | Organisation | StaffKey | None,
        after: Account | Key | Organisation | StaffKey,
        *,
        account: Account | None = None,
        reason: str | None = None,
    ) -> None:
        left, right = difference({} if before is None else visible(before), visible(after))
        organisation = after.organisation_id if isinstance(after, Organisation) else None
        await self.enter(
            session,
            actor,
            action,
            subject,
            left,
            right,
            account_id=account.account_id if account is not None else None,
            organisation_id=account.organisation_id if account is not None else organisation,
            reason=reason,
        )

    async def enter(
        self,
        session: AsyncClientSession,
        actor: Actor,
        action: str,
        subject: str,
        before: Members,
        after: Members,
        *,
        account_id: AccountId | None = None,
        organisation_id: OrganisationId | None = None,
        reason: str | None = None,
    ) -> None:
        """A line on the audit record, within a transaction: what differs, without secrets."""
        entry = AuditEntry(
            entry_id=str(uuid_utils.uuid7()),
            at=self._clock.now(),
            actor=AuditActor(actor.key_id, actor.role, actor.name, actor.ip),
            action=action,
            subject=subject,
            before=before,
            after=after,
            account_id=account_id,
            organisation_id=organisation_id,
            reason=reason,
        )
        row: Row = msgspec.to_builtins(entry, builtin_types=(datetime,))
        row["_id"] = row.pop("entry_id")
        await self._store.database.audit.insert_one(row, session=session)

    def wake(self) -> None:
        """Tell the relay that an account changed, once a transaction of somebody else's is over."""
        self._changed()

    async def transaction(self, act: Callable[[AsyncClientSession], Awaitable[T]]) -> T:
        """Run `act`, again when another change came between. Raises what it raises."""

        async def in_order(session: AsyncClientSession) -> T:
            return await act(session)

        with translated():
            async with self._store.database.client.start_session() as session:
                try:
                    result: T = await session.with_transaction(
                        in_order, read_concern=_READ, write_concern=_WRITE, max_commit_time_ms=10_000
                    )
                except DuplicateKeyError:
                    raise Refused(
                        ChangeCode.ALREADY_EXISTS,
                        "the id is taken",
                        (FieldError("/id", ChangeCode.ALREADY_EXISTS, "is taken"),),
                    ) from None
        return result
