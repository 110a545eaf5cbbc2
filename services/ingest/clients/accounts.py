"""The accounts as `config.accounts` tells of them, from memory."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

import msgspec

from services.ingest.accounts.account import Account, Limits, OrganisationId, Stops
from shared.contracts.accounts import AccountChanged
from shared.contracts.codec import only
from shared.contracts.words import AccountState
from shared.ids import AccountId
from shared.kafka.record import Decode, Record

read_account: Final[Decode[AccountChanged]] = partial(only, AccountChanged)


class ToldAccounts:
    """The last version of each account; `apply` is for `WholeTopics`."""

    def __init__(self) -> None:
        self._accounts: dict[AccountId, Account] = {}

    def apply(self, record: Record, event: AccountChanged | None) -> None:
        """Take in a record. A version that is not above the known one is nothing; a tombstone ends an account."""
        if event is None:
            self._accounts.pop(AccountId((record.key or b"").decode("utf-8", "replace")), None)
            return
        known = self._accounts.get(event.account_id)
        if known is None or event.version > known.version:
            self._accounts[event.account_id] = account_of(event)

    def of(self, account_id: AccountId) -> Account | None:
        """The account, if it is known and not closed."""
        account = self._accounts.get(account_id)
        return None if account is None or account.state is AccountState.CLOSED else account

    def all(self) -> Sequence[Account]:
        """Those that are not closed."""
        return [account for account in self._accounts.values() if account.state is not AccountState.CLOSED]


def account_of(event: AccountChanged) -> Account:
    """The account as far as others are told of it: without a name, and without ways to log in."""
    return Account(
        account_id=event.account_id,
        name="",
        state=event.state,
        default_sender=event.default_sender,
        organisation_id=OrganisationId(event.organisation_id),
        stops=Stops(lanes=event.stopped_lanes, senders=event.stopped_senders, premium=event.stopped_premium),
        limits=Limits(**{field.name: getattr(event, field.name) for field in msgspec.structs.fields(Limits)}),
        version=event.version,
        changed_at=event.changed_at,
    )
