"""Who is calling: what a key, a password or an address allows, from memory (`Remembered`)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final

from services.ingest.accounts.account import Account, Grant, Key
from services.ingest.accounts.addresses import within
from services.ingest.accounts.failures import Failures
from services.ingest.accounts.keys import ALL_SCOPES, KeyId, matches, parse
from services.ingest.accounts.passwords import PasswordCheck
from services.ingest.accounts.remembered import Remembered
from shared.clock import Clock
from shared.contracts.words import AccountState
from shared.ids import AccountId

Find = Callable[[KeyId], Awaitable[Grant | None]]
"""The store's answer for a key: None when it is unknown or revoked, or its account closed."""
FindAccount = Callable[[AccountId], Awaitable[Account | None]]
"""The store's answer for an account: None when there is none that is open."""

PASSWORD: Final = KeyId("password")
ADDRESS: Final = KeyId("address")
"""What stands for the key's id when somebody got in by a password, or by an address alone."""

_LONGEST_NAME: Final = 64
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


async def _nobody(_: AccountId) -> Account | None:
    return None


class AccountView:
    """What doors ask. A refusal never says why, and costs the caller's address one of its chances (`Failures`).

    An address without chances is refused at once, but for a key that this process has seen at work and a password
    that it has found right: guessing shuts out no customer who shares the guesser's address.
    """

    def __init__(
        self,
        find: Find,
        clock: Clock,
        *,
        find_account: FindAccount = _nobody,
        failures: Failures | None = None,
        fresh: float = 0.5,
        ttl: float = 1.8,
        patience: float = 1.3,
        size: int = 10_000,
    ) -> None:
        """Times in seconds, as `Remembered` has them."""
        self._keys = Remembered(find, clock, fresh=fresh, ttl=ttl, patience=patience, size=size)
        self._accounts = Remembered(find_account, clock, fresh=fresh, ttl=ttl, patience=patience, size=size)
        self._check = PasswordCheck()
        self._failures = failures or Failures(clock)
        self._clock = clock
        self.used: set[KeyId] = set()
        """Keys that were good since somebody last emptied the set."""

    async def grant(self, text: str, address: str | None = None) -> Grant | None:
        """What the presented key allows from an address, or None, whatever the reason.

        Raises `TryLater` (`accounts_unavailable`) when it cannot be looked up.
        """
        presented = parse(text)
        if presented is not None and (not self._failures.too_many(address) or self._keys.knows(presented.key_id)):
            grant = await self._keys.get(presented.key_id)
            if grant is not None and matches(presented, grant.key.digest) and self._good(grant, address):
                self.used.add(grant.key.key_id)
                return grant
        self._failures.add(address)
        return None

    async def login(self, user: str, password: str, address: str | None = None) -> Grant | None:
        """What an account's own password allows, or without a password the address; None whatever the reason.

        Raises `TryLater` (`accounts_unavailable`) when the account or the password cannot be checked now.
        """
        refused = self._failures.too_many(address)
        account = None
        if 0 < len(user) <= _LONGEST_NAME and (not refused or self._accounts.knows(AccountId(user))):
            account = await self._accounts.get(AccountId(user))
        stored = account.access.password if account is not None else None
        if not password:
            good, key_id = account is not None and _by_address(account, address), ADDRESS
        else:
            known = self._check.known(password, stored)
            good, key_id = known or (not refused and await self._check(password, stored)), PASSWORD
            good = good and account is not None and _from_here(account, address)
        if not good or account is None:
            self._failures.add(address)
            return None
        return Grant(Key(key_id, account.account_id, b"", ALL_SCOPES, _LONG_AGO), account)

    def _good(self, grant: Grant, address: str | None) -> bool:
        key, account = grant.key, grant.account
        if account.state is AccountState.CLOSED or not _from_here(account, address):
            return False
        return key.expires_at is None or self._clock.now() < key.expires_at


def _from_here(account: Account, address: str | None) -> bool:
    """Whether keys and passwords of the account are good from this address."""
    access = account.access
    return not access.ranges or access.address_suffices or within(access.ranges, address)


def _by_address(account: Account, address: str | None) -> bool:
    """Whether the address alone is enough."""
    return account.access.address_suffices and within(account.access.ranges, address)
