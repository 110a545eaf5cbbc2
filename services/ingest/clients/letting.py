"""Lets an account's own systems in over Kafka, and shuts them out: topics, access list, password, record.

The record is the account (`Access.kafka`), with its line in the audit record. It is made before somebody is let in and
unmade after they are shut out, so it never says less than the broker does; what a crash leaves half done, a repeat
completes.
"""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from enum import StrEnum
from typing import Final, Protocol

import msgspec

from services.ingest.accounts import changes
from services.ingest.accounts.account import Account, KafkaLogin
from services.ingest.accounts.book import AccountBook
from services.ingest.accounts.changes import ChangeCode
from services.ingest.accounts.staff import Actor
from shared.clock import Clock
from shared.contracts.topics import LOCAL, PRODUCTION, client_pair, client_user
from shared.errors import Fatal, Refused, TryLater
from shared.ids import AccountId
from shared.kafka.port import Cluster
from shared.kafka.settings import KafkaSettings
from shared.kafka.topics import create, describe

_PASSWORD_OCTETS: Final = 32


class ClientCode(StrEnum):
    """Why client systems cannot be let in; public."""

    CLIENTS_NOT_AVAILABLE = "clients_not_available"


class Users(Protocol):
    """`services.ingest.clients.users.ClientUsers`. Its calls block; they raise `TryLater`, or `Fatal` when the broker
    says no.
    """

    def brokers(self) -> int:
        """How many there are."""
        ...

    def has_password(self, user: str) -> bool:
        """Whether the user can log in."""
        ...

    def set_password(self, user: str, password: str) -> None:
        """Make the user, or replace the password."""
        ...

    def remove_password(self, user: str) -> None:
        """Nobody logs in as this user any more; repeatable."""
        ...

    def allow(self, account_id: AccountId) -> None:
        """Give the account's user its access list; repeatable."""
        ...

    def forbid(self, account_id: AccountId) -> None:
        """Take it away; repeatable."""
        ...

    def close(self) -> None:
        """Disconnect."""
        ...


def broker_users(bootstrap: str) -> Users:
    """A connection. Its library takes half a second to load, which the first call here pays and nobody else."""
    from services.ingest.clients.users import ClientUsers

    return ClientUsers(bootstrap)


class ClientSystems:
    """Every method raises `TryLater` (`accounts_unavailable`, `clients_unavailable`) and `Refused`: `account_closed`;
    `clients_not_available` when there is no listener for client systems, or the broker does not change users and access
    lists for us; `changed_meanwhile` when somebody else lets the same account in at the same time.
    """

    def __init__(
        self,
        book: AccountBook,
        kafka: str,
        listener: str,
        clock: Clock,
        random: Callable[[int], bytes],
        *,
        connect: Callable[[str], Users] = broker_users,
        cluster: Cluster | None = None,
    ) -> None:
        """`kafka` are our own bootstrap addresses, which may change users and access lists; `listener` are those of
        client systems, empty when there is none. `connect` and `cluster` stand in for the broker.
        """
        self._book = book
        self._connection = KafkaSettings(bootstrap=kafka, client_id="ingest.client-systems")
        self.listener = listener
        self._clock = clock
        self._random = random
        self._connect = connect
        self._cluster = cluster

    async def let_in(self, actor: Actor, account: Account, *, anew: bool = False) -> tuple[Account, str | None]:
        """Make what is missing of the account's topics, user and access list.

        The account as it is then, and the new password: if its user had none, or `anew`; else None. Connections that
        are open stay open when a password is replaced.
        """
        changes.require_open(account)
        if not self.listener:
            raise Refused(ClientCode.CLIENTS_NOT_AVAILABLE, "BUDSTIKKE_KAFKA_CLIENTS names no listener for them")
        user = client_user(account.account_id)
        async with self._users() as users:
            await asyncio.to_thread(users.allow, account.account_id)
            profile = PRODUCTION if await asyncio.to_thread(users.brokers) >= PRODUCTION.replication else LOCAL
            topics = [topic.spec(profile) for topic in client_pair(account.account_id)]
            await create(self._connection, topics, cluster=self._cluster)
            known = account.access.kafka is not None and await asyncio.to_thread(users.has_password, user)
            if known and not anew:
                return account, None
            action = "client.rotate" if known else "client.create"
            after = await self._recorded(actor, account, action, _let_in(account, self._clock))
            password = urlsafe_b64encode(self._random(_PASSWORD_OCTETS)).rstrip(b"=").decode()
            await asyncio.to_thread(users.set_password, user, password)
        return after, password

    async def shut_out(self, actor: Actor, account: Account, reason: str | None = None) -> None:
        """Take the access list and the password away, at once for connections that are open, too; a repeat is nothing.

        The topics stay, with what is on them: what was asked for is still sent.
        """
        if account.access.kafka is None:
            return
        async with self._users() as users:
            await asyncio.to_thread(users.forbid, account.account_id)
            await asyncio.to_thread(users.remove_password, client_user(account.account_id))
        await self._recorded(actor, account, "client.revoke", _shut_out, reason)

    async def _recorded(
        self,
        actor: Actor,
        account: Account,
        action: str,
        decide: Callable[[Account], Account],
        reason: str | None = None,
    ) -> Account:
        after = await self._book.change_account(actor, account.account_id, action, decide, reason)
        if after is None:
            raise Refused(ChangeCode.ACCOUNT_CLOSED, "the account is gone")
        return after

    @asynccontextmanager
    async def _users(self) -> AsyncIterator[Users]:
        with _translated():
            # The library behind it leaves sockets open when it cannot connect: ask with another one first.
            await describe(self._connection, [], cluster=self._cluster)
            users = await asyncio.to_thread(self._connect, self._connection.bootstrap)
            try:
                yield users
            finally:
                await asyncio.to_thread(users.close)


def _let_in(seen: Account, clock: Clock) -> Callable[[Account], Account]:
    """Since now, if nobody else did it since the account was seen: only one of two gets to set the password."""

    def decide(before: Account) -> Account:
        changes.require_open(before)
        if before.access.kafka != seen.access.kafka:
            raise Refused(ChangeCode.CHANGED_MEANWHILE, "somebody else did the same")
        now = clock.now()
        login = KafkaLogin(before.access.kafka.created_at if before.access.kafka else now, now)
        return _with(before, login)

    return decide


def _shut_out(before: Account) -> Account:
    return _with(before, None)


def _with(account: Account, login: KafkaLogin | None) -> Account:
    return msgspec.structs.replace(account, access=msgspec.structs.replace(account.access, kafka=login))


@contextmanager
def _translated() -> Iterator[None]:
    """The broker's refusals, and its absence, as callers are told of them."""
    try:
        yield
    except Fatal as error:
        raise Refused(ClientCode.CLIENTS_NOT_AVAILABLE, error.detail) from None
    except Refused as error:
        if error.code == "kafka_topic_refused":
            raise Refused(ClientCode.CLIENTS_NOT_AVAILABLE, error.detail) from None
        raise
    except TryLater as error:
        if error.code.startswith("kafka_"):
            raise TryLater("clients_unavailable", error.detail) from None
        raise
