"""What screening knows of accounts, opt-outs and signals: three compacted topics, read whole and followed.

An account that the topic has not told of yet is looked up in the database, which is this service's own: a new account
may send before the relay has come round. What is known of an account is as old as the topic is behind, some
milliseconds.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from services.ingest.accounts.account import Account
from services.ingest.accounts.relay import event_of
from services.ingest.screening.facts import AccountFacts, facts_of
from shared.contracts import topics
from shared.contracts.abuse import Signal, SignalChanged
from shared.contracts.accounts import AccountChanged
from shared.contracts.codec import Reader
from shared.contracts.events import Event
from shared.contracts.inbound import OptOutRequested
from shared.contracts.words import AccountState
from shared.ids import AccountId
from shared.kafka.record import Record
from shared.privacy.opt_outs import OptOuts
from shared.privacy.pseudonyms import Pseudonyms

TOPICS: Final = (topics.ACCOUNTS, topics.OPT_OUTS, topics.SIGNALS)
SIGNAL_LASTS: Final = timedelta(minutes=5)
"""A signal that nobody has repeated for this long is over: who gives them may be away."""

_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)

FindAccount = Callable[[AccountId], Awaitable[Account | None]]
"""The database's answer: None when there is no such account, or it is closed."""

read_known = Reader(AccountChanged, OptOutRequested, SignalChanged)


class Known:
    """The three tables. `apply` is idempotent, and bears a record that it has had before."""

    def __init__(self, find: FindAccount, pseudonyms: Pseudonyms) -> None:
        self._find = find
        self._accounts: dict[AccountId, AccountFacts] = {}
        self._opt_outs = OptOuts(pseudonyms)
        self._signals: dict[AccountId, dict[Signal, datetime]] = {}

    def apply(self, record: Record, event: Event | None) -> None:
        """One record of one of the topics; without event a tombstone."""
        match event:
            case AccountChanged():
                self._change(facts_of(event))
            case OptOutRequested():
                self._opt_outs.apply(record, event)
            case SignalChanged():
                self._signal(event)
            case _:
                if record.topic == topics.OPT_OUTS:
                    self._opt_outs.apply(record, None)

    async def require(self, account_ids: Iterable[AccountId]) -> None:
        """Look up those that nobody has told of. Raises `TryLater` (`accounts_unavailable`)."""
        for account_id in account_ids:
            if account_id not in self._accounts:
                account = await self._find(account_id)
                if account is None:
                    account = Account(account_id, "", state=AccountState.CLOSED)
                self._change(facts_of(event_of(account, account.changed_at or _LONG_AGO)))

    def account(self, account_id: AccountId) -> AccountFacts:
        """An account that was required."""
        return self._accounts[account_id]

    def opted_out(self, account_id: AccountId, number: str, sender: str) -> bool:
        """Whether the person with this number (E.164) wants nothing of the account, or nothing from this sender."""
        return self._opt_outs.covers(account_id, number, sender)

    def signals(self, account_id: AccountId, now: datetime) -> tuple[Signal, ...]:
        """The signals that are on, in the order of their names."""
        told = self._signals.get(account_id)
        return tuple(sorted([signal for signal, at in told.items() if now - at < SIGNAL_LASTS])) if told else ()

    def _change(self, facts: AccountFacts) -> None:
        before = self._accounts.get(facts.account_id)
        if before is None or before.version <= facts.version:
            self._accounts[facts.account_id] = facts

    def _signal(self, event: SignalChanged) -> None:
        told = self._signals.setdefault(event.account_id, {})
        if event.on:
            told[event.signal] = event.at
        else:
            told.pop(event.signal, None)
