"""What the internal API shows of the premium books. Money is whole øre; a person is nowhere in it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from services.billing.premium.closing import Settlement
from services.billing.premium.entry import Entry, Line
from services.billing.premium.payout import Payout
from services.billing.premium.refund import Refund
from services.billing.premium.statement import Statement
from services.billing.premium.transaction import Leg, Standing, Transaction
from shared.contracts.premium import Billed, PremiumStatus
from shared.money.periods import Day, Month


class LegView(msgspec.Struct, frozen=True):
    """The charge, or its reversal. `billed` is `true`, `false` or `unknown`."""

    status: PremiumStatus
    billed: Billed
    detail: str | None
    ordered_at: datetime
    changed_at: datetime


class TransactionView(msgspec.Struct, frozen=True):
    """One transaction."""

    id: str
    account_id: str
    merchant_id: str
    short_number: str
    service_code: str
    price: int
    currency: str
    standing: Standing
    reference: str | None
    charge: LegView | None
    reversal: LegView | None


class EntryView(msgspec.Struct, frozen=True):
    """One entry of the ledger: plus is debit, minus is credit."""

    id: str
    kind: str
    day: Day
    month: Month
    cause: str
    lines: tuple[Line, ...]


class BookedView(msgspec.Struct, frozen=True):
    """A transaction with what is booked of it."""

    transaction: TransactionView
    entries: tuple[EntryView, ...]


class TransactionsView(msgspec.Struct, frozen=True):
    """A page, newest first. `cursor` leads to the next one; null: this is the last."""

    transactions: list[TransactionView]
    cursor: str | None


class RefundsView(msgspec.Struct, frozen=True):
    """Refunds."""

    refunds: list[Refund]


class StatementsView(msgspec.Struct, frozen=True):
    """Statements, the newest month first, with the payouts they led to."""

    statements: list[Statement]
    payouts: list[Payout]


class MonthView(msgspec.Struct, frozen=True):
    """A closed month of all merchants."""

    month: Month
    settlement: Settlement
    statements: list[Statement]
    payouts: list[Payout]


def transaction_view(one: Transaction) -> TransactionView:
    """A transaction without its pseudonym."""
    return TransactionView(
        id=one.id,
        account_id=one.account_id,
        merchant_id=one.merchant_id,
        short_number=one.short_number,
        service_code=one.service_code,
        price=one.price,
        currency="NOK",
        standing=one.standing,
        reference=one.reference,
        charge=_leg(one.charge),
        reversal=_leg(one.reversal),
    )


def booked_view(one: Transaction, entries: Sequence[Entry]) -> BookedView:
    """A transaction with its entries."""
    shown = tuple(EntryView(each.id, each.kind, each.day, each.month, each.cause, each.lines) for each in entries)
    return BookedView(transaction_view(one), shown)


def _leg(leg: Leg | None) -> LegView | None:
    if leg is None:
        return None
    return LegView(leg.status, leg.billed, leg.detail, leg.ordered_at, leg.at)
