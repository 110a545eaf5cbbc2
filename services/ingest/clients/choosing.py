"""Whose systems may come in over Kafka, and where: accounts from the database, their topics from the broker."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Protocol

import msgspec

from services.ingest.accounts.account import Account
from shared.clock import Clock
from shared.contracts.topics import client_events, client_requests
from shared.contracts.words import AccountState
from shared.errors import TryLater

_PAGE: Final = 1000


class Listing(Protocol):
    """`AccountListing`."""

    async def accounts(self, limit: int, after: str | None) -> Sequence[Account]:
        """A page, by id."""
        ...


class Client(msgspec.Struct, frozen=True):
    """An account with its pair of topics."""

    account: Account
    request_partitions: int
    event_partitions: int


Partitions = Callable[[Sequence[str]], Awaitable[Mapping[str, int]]]
"""How many partitions each of these topics has, of those that exist."""


class Clients:
    """The accounts that have a pair of topics and are not closed. Suspended ones stay: they are told so."""

    def __init__(self, listing: Listing, partitions: Partitions, clock: Clock, *, ttl: float = 10.0) -> None:
        """`ttl`: seconds for which the last answer counts while there is no newer one."""
        self._listing = listing
        self._partitions = partitions
        self._clock = clock
        self._ttl = ttl
        self._by_topic: dict[str, Client] = {}
        self._asked_at: float | None = None

    async def choose(self) -> Mapping[str, int]:
        """The topics of requests to be read now, with their partitions. Raises `TryLater`."""
        asked_at = self._clock.monotonic()
        accounts = await self._accounts()
        names = [name(one.account_id) for one in accounts for name in (client_requests, client_events)]
        found = await self._partitions(names) if names else {}
        by_topic = {}
        for account in accounts:
            asked, told = client_requests(account.account_id), client_events(account.account_id)
            if asked in found and told in found:
                by_topic[asked] = Client(account, found[asked], found[told])
        self._by_topic, self._asked_at = by_topic, asked_at
        return {topic: client.request_partitions for topic, client in by_topic.items()}

    def of(self, topic: str) -> Client | None:
        """Whose topic this is; None once it is nobody's any more.

        Raises `TryLater` (`accounts_unavailable`) when that has not been known for too long.
        """
        if self._asked_at is None or self._clock.monotonic() - self._asked_at >= self._ttl:
            raise TryLater("accounts_unavailable", "accounts cannot be looked up")
        return self._by_topic.get(topic)

    async def _accounts(self) -> Sequence[Account]:
        accounts: list[Account] = []
        after: str | None = None
        while True:
            page = await self._listing.accounts(_PAGE, after)
            accounts += [one for one in page if one.state is not AccountState.CLOSED]
            if len(page) < _PAGE:
                return accounts
            after = page[-1].account_id
