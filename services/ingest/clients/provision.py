"""Let an account's own systems in over Kafka: its pair of topics, its user, and what that user may do."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final

from services.ingest.accounts.store import AccountStore
from services.ingest.clients.access import BrokerAccess, user_of
from shared.contracts.topics import LOCAL, PRODUCTION, client_pair
from shared.errors import Refused
from shared.ids import AccountId
from shared.kafka.settings import KafkaSettings
from shared.kafka.topics import create, describe

_MODE: Final = 0o600
_PASSWORD_OCTETS: Final = 32
_USER: Final = "BUDSTIKKE_KAFKA_USER"
_PASSWORD: Final = "BUDSTIKKE_KAFKA_PASSWORD"  # noqa: S105 - a name


async def provision_client(store: AccountStore, bootstrap: str, account_id: AccountId, credentials_file: Path) -> bool:
    """Make what is missing, in an order that a repeat completes: topics, access list, password, file.

    Returns whether a password was made: when the user has none, or the file is not there (which is how one is
    replaced). It stands in the file alone, as `KEY=value` lines. Raises `Refused` (`no_such_account`), `TryLater`,
    `Fatal`.
    """
    if await store.account(account_id) is None:
        raise Refused("no_such_account", f"there is no account {account_id}, or it is closed")
    connection = KafkaSettings(bootstrap=bootstrap, client_id="ingest.provision-client")
    await describe(connection, [])  # kafka-python leaves sockets open when it cannot connect: ask first
    with await asyncio.to_thread(BrokerAccess, bootstrap) as access:
        brokers = await asyncio.to_thread(access.brokers)
        profile = PRODUCTION if brokers >= PRODUCTION.replication else LOCAL
        await create(connection, [topic.spec(profile) for topic in client_pair(account_id)])
        await asyncio.to_thread(access.allow, account_id)
        return await asyncio.to_thread(_ensure_password, access, user_of(account_id), credentials_file)


def _ensure_password(
    access: BrokerAccess, user: str, credentials_file: Path, random: Callable[[int], str] = secrets.token_urlsafe
) -> bool:
    if access.has_password(user) and _names(credentials_file, user):
        return False
    password = random(_PASSWORD_OCTETS)
    access.set_password(user, password)
    _write(credentials_file, f"{_USER}={user}\n{_PASSWORD}={password}\n")
    return True


def _names(path: Path, user: str) -> bool:
    """Whether the file holds credentials of this user."""
    try:
        return f"{_USER}={user}" in path.read_text(encoding="ascii").splitlines()
    except (FileNotFoundError, UnicodeDecodeError):
        return False


def _write(path: Path, text: str) -> None:
    """Replace the file whole or not at all, readable by its owner alone."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
