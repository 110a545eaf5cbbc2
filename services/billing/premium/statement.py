"""The statement of a month for one merchant: what its users were charged, who keeps what of it, what we owe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NewType

import msgspec

from services.billing.premium.booking import entry_month
from services.billing.premium.chart import LedgerAccount
from services.billing.premium.entry import Entry, EntryId, EntryKind, lines_of
from services.billing.premium.terms import part_of
from shared.ids import AccountId
from shared.money.periods import Day, Month, last_day, month_of_day

StatementId = NewType("StatementId", str)


class StatementLine(msgspec.Struct, frozen=True, kw_only=True):
    """Charges or reversals of one service. Those of an earlier `own_month` are adjustments. Øre; reversals negative."""

    own_month: Month
    kind: EntryKind
    service_code: str
    count: int
    gross_ore: int
    operators_ore: int
    fee_ore: int
    merchant_ore: int


class OpenTotal(msgspec.Struct, frozen=True):
    """Transactions whose outcome nobody knows: carried, neither booked nor forgotten."""

    count: int = 0
    ore: int = 0


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """A month of one merchant, frozen when the month was closed. Øre.

    `gross_ore` is what users paid, `operators_ore` what Strex and the operators keep of it, `fee_ore` our share and
    `vat_ore` the VAT on it, `net_ore` what is left for the merchant: gross - operators - fee - VAT.
    """

    id: StatementId
    account_id: AccountId
    merchant_id: str
    month: Month
    made_at: datetime
    lines: tuple[StatementLine, ...]
    gross_ore: int
    operators_ore: int
    fee_ore: int
    vat_ore: int
    net_ore: int
    open: OpenTotal

    @property
    def expected_ore(self) -> int:
        """What Strex should pay us for it."""
        return self.gross_ore - self.operators_ore


def statement_id(month: Month, account: AccountId, merchant: str) -> StatementId:
    """One per month, account and merchant."""
    return StatementId(f"{month}:{account}:{merchant}")


class Tally:
    """Adds up the charges and reversals of one merchant's month, in any order, in memory that does not grow."""

    def __init__(self) -> None:
        self._sums: dict[tuple[Month, EntryKind, str], tuple[int, int, int, int, int]] = {}

    def add(self, entry: Entry) -> None:
        """Count one entry."""
        key = (entry.own_month, entry.kind, entry.service_code or "")
        count, gross, operators, fee, merchant = self._sums.get(key, (0, 0, 0, 0, 0))
        self._sums[key] = (
            count + 1,
            gross + entry.on(LedgerAccount.STREX),
            operators - entry.on(LedgerAccount.OPERATORS),
            fee - entry.on(LedgerAccount.FEE),
            merchant - entry.on(LedgerAccount.MERCHANT),
        )

    def lines(self) -> tuple[StatementLine, ...]:
        """In the order of month, kind and service."""
        return tuple(
            StatementLine(
                own_month=month,
                kind=kind,
                service_code=service,
                count=count,
                gross_ore=gross,
                operators_ore=operators,
                fee_ore=fee,
                merchant_ore=merchant,
            )
            for (month, kind, service), (count, gross, operators, fee, merchant) in sorted(self._sums.items())
        )


def state(
    account: AccountId,
    merchant: str,
    month: Month,
    lines: Sequence[StatementLine],
    *,
    vat: int,
    left: OpenTotal,
    at: datetime,
) -> Statement:
    """The statement of a closed month. `vat` in basis points of our fee, by the sum (never by the charge)."""
    fee = sum(line.fee_ore for line in lines)
    tax = part_of(fee, vat)
    return Statement(
        id=statement_id(month, account, merchant),
        account_id=account,
        merchant_id=merchant,
        month=month,
        made_at=at,
        lines=tuple(lines),
        gross_ore=sum(line.gross_ore for line in lines),
        operators_ore=sum(line.operators_ore for line in lines),
        fee_ore=fee,
        vat_ore=tax,
        net_ore=sum(line.merchant_ore for line in lines) - tax,
        open=left,
    )


def vat_entry(statement: Statement) -> Entry:
    """Books the VAT on our fee: the merchant owes it beside the fee."""
    day = Day(last_day(statement.month).isoformat())
    lines = {LedgerAccount.MERCHANT: statement.vat_ore, LedgerAccount.VAT: -statement.vat_ore}
    return _entry(statement, EntryKind.VAT, lines, day, statement.month)


def received_entry(statement: Statement, on: Day, closed: Month) -> Entry:
    """Books that Strex settled a statement: what it owed is in the bank, less what it and the operators keep."""
    lines = {
        LedgerAccount.BANK: statement.expected_ore,
        LedgerAccount.OPERATORS: statement.operators_ore,
        LedgerAccount.STREX: -statement.gross_ore,
    }
    return _entry(statement, EntryKind.RECEIVED, lines, on, entry_month(on, closed))


def total(statements: Iterable[Statement]) -> int:
    """What Strex should pay for all of them."""
    return sum(statement.expected_ore for statement in statements)


def _entry(statement: Statement, kind: EntryKind, lines: Mapping[LedgerAccount, int], day: Day, month: Month) -> Entry:
    return Entry(
        id=EntryId(f"{statement.id}:{kind}"),
        kind=kind,
        account_id=statement.account_id,
        merchant_id=statement.merchant_id,
        day=day,
        own_month=month_of_day(day),
        month=month,
        cause=statement.id,
        lines=lines_of(lines),
    )
