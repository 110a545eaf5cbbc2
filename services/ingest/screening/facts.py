"""What rules know of a request: the account as it is, and the request as it would be sent."""

from __future__ import annotations

from datetime import datetime

import msgspec

from shared.contracts.abuse import Signal
from shared.contracts.accounts import AccountChanged
from shared.contracts.events import SendRequested
from shared.contracts.words import AccountState, Lane
from shared.ids import AccountId
from shared.text.numbers import Number
from shared.text.segments import Coding


class AccountFacts(msgspec.Struct, frozen=True):
    """An account, ready for the rules. Senders are in lower case; the default sender is a registered one."""

    account_id: AccountId
    version: int
    state: AccountState
    senders: frozenset[str]
    domains: frozenset[str]
    stopped_lanes: frozenset[Lane]
    stopped_senders: frozenset[str]
    quiet_from: int
    quiet_to: int
    messages_per_month: int | None


def facts_of(account: AccountChanged) -> AccountFacts:
    """The facts of an account that changed."""
    senders = {sender.casefold() for sender in account.registered_senders}
    if account.default_sender is not None:
        senders.add(account.default_sender.casefold())
    return AccountFacts(
        account_id=account.account_id,
        version=account.version,
        state=account.state,
        senders=frozenset(senders),
        domains=frozenset(account.approved_domains),
        stopped_lanes=frozenset(account.stopped_lanes),
        stopped_senders=frozenset(sender.casefold() for sender in account.stopped_senders),
        quiet_from=account.quiet_from,
        quiet_to=account.quiet_to,
        messages_per_month=account.messages_per_month,
    )


class Form(msgspec.Struct, frozen=True, gc=False):
    """The message that the request becomes, if it passes: to this number in E.164, from this sender as it is sent."""

    number: Number
    sender: str
    coding: Coding
    parts: int
    country: str

    def __repr__(self) -> str:
        return f"Form(coding={self.coding}, parts={self.parts}, country={self.country})"


class Case(msgspec.Struct, frozen=True, gc=False):
    """One request before the rules. `signals` are those that are on for the account. `text` is in the clear, so nobody
    prints a case."""

    request: SendRequested
    form: Form
    text: str
    account: AccountFacts
    opted_out: bool
    signals: tuple[Signal, ...]
    now: datetime

    def __repr__(self) -> str:
        return f"Case(message_id={self.request.message_id})"
