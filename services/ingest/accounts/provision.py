"""What there must be before anybody can log in: the first administrator; and on one machine, the demo account.

Both write a key into a file, and keep one there that still works.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

from services.ingest.accounts.account import Account, Key, Organisation, OrganisationId, Sending
from services.ingest.accounts.book import AccountBook
from services.ingest.accounts.keys import ALL_SCOPES, KeyKind, PresentedKey, Scope, make, matches, parse
from services.ingest.accounts.staff import CONSOLE, Role, StaffKey
from services.ingest.accounts.store import AccountStore
from shared.clock import Clock
from shared.ids import AccountId
from shared.stores.mongodb import MongoStore

DEMO: Final = Account(
    account_id=AccountId("demo"),
    name="Demo",
    default_sender="Budstikke",
    organisation_id=OrganisationId("demo"),
    sending=Sending(
        senders=("2002", "Blåklokke", "Budstikke", "Demo", "Skolen"),
        domains=("example.no", "example.org"),
        quiet_from=0,
        quiet_to=0,
    ),
    version=1,
)

FIRST_ADMIN: Final = "First administrator"

_MODE: Final = 0o600


async def provision_demo(database: MongoStore, key_file: Path, clock: Clock) -> bool:
    """Make sure that the demo account exists and that `key_file` holds a key of it that works.

    Returns whether a new key was made; a key in the file that still works is kept. The row is written before the
    file, so a crash between the two leaves a key that nobody has.
    """
    store = AccountStore(database)
    await store.prepare()
    await store.add_organisation(Organisation(DEMO.organisation_id, "Demo", clock.now()))
    await store.add_account(DEMO)
    if await _works(store, _presented(key_file)):
        return False
    key = make(secrets.token_bytes)
    await store.add_key(
        Key(
            key_id=key.key_id,
            account_id=DEMO.account_id,
            digest=key.digest,
            scopes=ALL_SCOPES | {Scope.ADMIN},
            created_at=clock.now(),
        )
    )
    _write(key_file, key.text)
    return True


async def provision_staff(database: MongoStore, key_file: Path, clock: Clock) -> bool:
    """Make sure that `key_file` holds a personal key with the role admin that works; on the audit record, as done from
    the console. Returns whether a new key was made.
    """
    store = AccountStore(database)
    await store.prepare()
    presented = _presented(key_file)
    person = await store.staff(presented.key_id) if presented is not None else None
    if presented is not None and person is not None and matches(presented, person.digest):
        return False
    key = make(secrets.token_bytes, KeyKind.STAFF)
    first = StaffKey(key.key_id, FIRST_ADMIN, Role.ADMIN, key.digest, clock.now())
    await AccountBook(database, clock).add_staff(CONSOLE, first)
    _write(key_file, key.text)
    return True


def _presented(key_file: Path) -> PresentedKey | None:
    """The key in the file, if it holds one."""
    try:
        return parse(key_file.read_text(encoding="ascii").strip())
    except (FileNotFoundError, UnicodeDecodeError):
        return None


async def _works(store: AccountStore, presented: PresentedKey | None) -> bool:
    if presented is None:
        return False
    grant = await store.grant(presented.key_id)
    return grant is not None and grant.account.account_id == DEMO.account_id and matches(presented, grant.key.digest)


def _write(path: Path, text: str) -> None:
    """Replace the file whole or not at all, readable by its owner alone."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{text}\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
