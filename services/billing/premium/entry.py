"""Entries of the premium ledger: lines that sum to zero, written once and never changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NewType

import msgspec

from services.billing.premium.chart import LedgerAccount
from shared.contracts.premium import TransactionId
from shared.ids import AccountId
from shared.money.periods import Day, Month

EntryId = NewType("EntryId", str)


class EntryKind(StrEnum):
    """What an entry books."""

    CHARGE = "charge"
    REVERSAL = "reversal"
    VAT = "vat"
    RECEIVED = "received"
    PAYOUT = "payout"


class Line(msgspec.Struct, frozen=True):
    """An amount on a ledger account: øre, plus is debit, minus is credit."""

    account: LedgerAccount
    ore: int


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One event in the books.

    The id says what is booked (`<transaction>:charge`), so a second one of the same cannot stand beside it; `cause` is
    the id of the event or document that led to it. `day` and `own_month` are when it happened, in Oslo; `month` is
    where it is booked: a later one when its own was closed already.
    """

    id: EntryId
    kind: EntryKind
    account_id: AccountId
    merchant_id: str
    day: Day
    own_month: Month
    month: Month
    cause: str
    lines: tuple[Line, ...]
    transaction_id: TransactionId | None = None
    service_code: str | None = None

    def __post_init__(self) -> None:
        """Raises `ValueError` for lines that do not sum to zero: such an entry never exists."""
        if sum(line.ore for line in self.lines) != 0:
            raise ValueError("the lines of an entry sum to zero")

    def on(self, account: LedgerAccount) -> int:
        """What it books on a ledger account."""
        return sum(line.ore for line in self.lines if line.account is account)


def lines_of(amounts: Mapping[LedgerAccount, int]) -> tuple[Line, ...]:
    """Lines of what is not zero."""
    return tuple(Line(account, ore) for account, ore in amounts.items() if ore)


def countered(lines: Iterable[Line]) -> tuple[Line, ...]:
    """The same lines the other way."""
    return tuple(Line(line.account, -line.ore) for line in lines)


def balances(entries: Iterable[Entry]) -> dict[LedgerAccount, int]:
    """What stands on each ledger account; they sum to zero."""
    totals = dict.fromkeys(LedgerAccount, 0)
    for entry in entries:
        for line in entry.lines:
            totals[line.account] += line.ore
    return totals
