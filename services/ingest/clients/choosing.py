"""Whose systems may come in over Kafka, where, and which of it this process reads: the `Choice` of the role."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Protocol

import msgspec

from services.ingest.accounts.account import Account
from services.ingest.clients.sharing import share_of
from shared.clock import Clock
from shared.contracts.topics import client_events, client_requests
from shared.errors import TryLater
from shared.ids import AccountId
from shared.kafka.record import TopicPartition


class Accounts(Protocol):
    """`ToldAccounts`."""

    def of(self, account_id: AccountId) -> Account | None:
        """The account, if it is known and not closed."""
        ...

    def all(self) -> Sequence[Account]:
        """Those that are not closed."""
        ...


class Shares(Protocol):
    """`HeldShares`."""

    def epoch_of(self, share: int) -> int | None:
        """The epoch of a share that is to be read here."""
        ...

    def holds(self, share: int, epoch: int) -> bool:
        """Whether nobody else can have it now."""
        ...

    async def let_go(self, kept: Collection[int]) -> None:
        """Of all others nothing is in hand any more."""
        ...


class Client(msgspec.Struct, frozen=True):
    """An account, and how many partitions there are for what it is told."""

    account: Account
    event_partitions: int


class Pair(msgspec.Struct, frozen=True):
    """The topics of an account, as far as they concern who writes to it."""

    account_id: AccountId
    event_partitions: int


Partitions = Callable[[Sequence[str]], Awaitable[Mapping[str, int]]]
"""How many partitions each of these topics has, of those that exist."""


class Clients:
    """The accounts that have a pair of topics and are not closed. Suspended ones stay: they are told so.

    A term is the epoch of the partition's share.
    """

    def __init__(
        self,
        accounts: Accounts,
        up_to_date: Callable[[], Awaitable[bool]],
        shares: Shares,
        partitions: Partitions,
        clock: Clock,
        *,
        ttl: float = 10.0,
    ) -> None:
        """`up_to_date` says whether `accounts` know all that was told before; `ttl`: seconds for which they count when
        they do not, or nobody can say.
        """
        self._accounts = accounts
        self._up_to_date = up_to_date
        self._shares = shares
        self._partitions = partitions
        self._clock = clock
        self._ttl = ttl
        self._pairs: dict[str, Pair] = {}
        self._known_at: float | None = None

    async def choose(self) -> Mapping[TopicPartition, int]:
        """The partitions of requests to be read here now. Raises `TryLater`."""
        asked_at = self._clock.monotonic()
        if await self._up_to_date():
            self._known_at = asked_at
        accounts = self._accounts.all()
        names = [name(one.account_id) for one in accounts for name in (client_requests, client_events)]
        found = await self._partitions(names) if names else {}
        self._pairs.clear()
        chosen = {}
        for account in accounts:
            asked, told = client_requests(account.account_id), client_events(account.account_id)
            if asked not in found or told not in found:
                continue
            self._pairs[asked] = Pair(account.account_id, found[told])
            for number in range(found[asked]):
                partition = TopicPartition(asked, number)
                epoch = self._shares.epoch_of(share_of(partition))
                if epoch is not None:
                    chosen[partition] = epoch
        return chosen

    def holds(self, partition: TopicPartition, term: int) -> bool:
        """Whether nobody else can be reading the partition."""
        return self._shares.holds(share_of(partition), term)

    async def applied(self, chosen: Mapping[TopicPartition, int]) -> None:
        """Give back shares of which nothing is in hand, where that is wanted. Raises `TryLater`."""
        await self._shares.let_go({share_of(partition) for partition in chosen})

    def of(self, topic: str) -> Client | None:
        """Whose topic this is, as the account is now; None once it is nobody's any more.

        Raises `TryLater` (`accounts_unavailable`) when that has not been known for too long.
        """
        if self._known_at is None or self._clock.monotonic() - self._known_at >= self._ttl:
            raise TryLater("accounts_unavailable", "what is known of accounts is too old")
        pair = self._pairs.get(topic)
        account = self._accounts.of(pair.account_id) if pair is not None else None
        return None if pair is None or account is None else Client(account, pair.event_partitions)
