"""Which accounts may answer and charge now, from `config.accounts` (R-90)."""

from __future__ import annotations

from functools import partial

from shared.contracts.accounts import AccountChanged
from shared.contracts.codec import only
from shared.contracts.words import AccountState
from shared.ids import AccountId
from shared.kafka.record import Record

read_account = partial(only, AccountChanged)


class Accounts:
    """The last that was told of each account. One of which nothing was told may do everything."""

    def __init__(self) -> None:
        self._known: dict[AccountId, AccountChanged] = {}

    def apply(self, record: Record, event: AccountChanged | None) -> None:  # noqa: ARG002 - the kit hands both over
        """A record of the topic. An older one than the known is nothing, and no account is ever taken away."""
        if event is None:
            return
        before = self._known.get(event.account_id)
        if before is None or before.version <= event.version:
            self._known[event.account_id] = event

    def may_answer(self, account: AccountId) -> bool:
        """Whether it sends at all."""
        known = self._known.get(account)
        return known is None or known.state is AccountState.ACTIVE

    def may_charge(self, account: AccountId) -> bool:
        """Whether it sends, premium messages included."""
        known = self._known.get(account)
        return known is None or (known.state is AccountState.ACTIVE and not known.stopped_premium)
