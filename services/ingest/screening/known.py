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
from shared.contracts.inbound import EVERY_SENDER, OptOutRequested, read_opt_out_key
from shared.contracts.words import AccountState
from shared.errors import BadRecord
from shared.ids import AccountId
from shared.kafka.record import Record
from shared.privacy.pseudonyms import Pseudonyms
from shared.telemetry.logs import get_log

TOPICS: Final = (topics.ACCOUNTS, topics.OPT_OUTS, topics.SIGNALS)
SIGNAL_LASTS: Final = timedelta(minutes=5)
"""A signal that nobody has repeated for this long is over: who gives them may be away."""

_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)
_log = get_log()

FindAccount = Callable[[AccountId], Awaitable[Account | None]]
"""The database's answer: None when there is no such account, or it is closed."""

read_known = Reader(AccountChanged, OptOutRequested, SignalChanged)


class Known:
    """The three tables. `apply` is idempotent, and bears a record that it has had before."""

    def __init__(self, find: FindAccount, pseudonyms: Pseudonyms) -> None:
        self._find = find
        self._pseudonyms = pseudonyms
        self._accounts: dict[AccountId, AccountFacts] = {}
        self._opt_outs: dict[AccountId, dict[str, set[str]]] = {}
        self._years: dict[AccountId, set[int]] = {}
        self._volume: dict[AccountId, datetime] = {}

    def apply(self, record: Record, event: Event | None) -> None:
        """One record of one of the topics; without event a tombstone."""
        match event:
            case AccountChanged():
                self._change(facts_of(event))
            case OptOutRequested():
                scopes = self._opt_outs.setdefault(event.account_id, {}).setdefault(event.pseudonym, set())
                scopes.add(event.scope)
                self._years.setdefault(event.account_id, set()).add(int(event.pseudonym.partition(":")[0]))
            case SignalChanged():
                self._signal(event)
            case _:
                if record.topic == topics.OPT_OUTS:
                    self._opt_in(record)

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
        table = self._opt_outs.get(account_id)
        if not table:
            return False
        for year in self._years[account_id]:
            scopes = table.get(self._pseudonyms.in_year(account_id, number, year))
            if scopes and (EVERY_SENDER in scopes or sender.casefold() in scopes):
                return True
        return False

    def unusual_volume(self, account_id: AccountId, now: datetime) -> bool:
        """Whether the signal `volume` is on."""
        last = self._volume.get(account_id)
        return last is not None and now - last < SIGNAL_LASTS

    def _change(self, facts: AccountFacts) -> None:
        before = self._accounts.get(facts.account_id)
        if before is None or before.version <= facts.version:
            self._accounts[facts.account_id] = facts

    def _signal(self, event: SignalChanged) -> None:
        if event.signal is not Signal.VOLUME:
            return
        if event.on:
            self._volume[event.account_id] = event.at
        else:
            self._volume.pop(event.account_id, None)

    def _opt_in(self, record: Record) -> None:
        """Somebody who had opted out takes it back."""
        try:
            account_id, scope, pseudonym = read_opt_out_key(record.key)
        except BadRecord as error:
            _log.error("opt_out_key_unreadable", offset=record.offset, code=error.code)
            return
        table = self._opt_outs.get(account_id, {})
        scopes = table.get(pseudonym, set())
        scopes.discard(scope)
        if not scopes:
            table.pop(pseudonym, None)
