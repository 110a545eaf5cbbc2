"""Every account that there is, from `config.accounts`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from shared.contracts.accounts import AccountChanged
from shared.contracts.codec import only
from shared.contracts.words import AccountState
from shared.ids import AccountId
from shared.kafka.record import Record

read_account = partial(only, AccountChanged)


class Accounts:
    """The last that was told of each. `apply` bears a record that it has had before."""

    def __init__(self) -> None:
        self._known: dict[AccountId, AccountChanged] = {}

    def apply(self, record: Record, event: AccountChanged | None) -> None:  # noqa: ARG002 - the kit hands both over
        """A record of the topic; no account is ever taken away."""
        if event is None:
            return
        before = self._known.get(event.account_id)
        if before is None or before.version <= event.version:
            self._known[event.account_id] = event

    def all(self) -> Sequence[AccountChanged]:
        """By id."""
        return [self._known[account] for account in sorted(self._known)]


def ended(account: AccountChanged) -> bool:
    """Whether the relation is over; it ended when the account was changed last, for nothing closed is changed."""
    return account.state is AccountState.CLOSED
