from __future__ import annotations

from datetime import UTC, datetime

from services.billing.premium.chart import LedgerAccount
from services.billing.premium.entry import EntryKind, balances
from services.billing.premium.payout import Payout, decide, payout_entry
from services.billing.premium.statement import OpenTotal, Statement, Tally, received_entry, state, vat_entry
from shared.contracts.premium import PremiumStatus
from shared.money.periods import Day, Month
from tests.unit.billing.premium.building import ACCOUNT, MERCHANT, START, Books, changed, reversed_

OCTOBER = Month("2026-10")
NOVEMBER = Month("2026-11")
NOTHING = OpenTotal()
CLOSED_AT = datetime(2026, 12, 1, 8, tzinfo=UTC)


def stated(books: Books, month: Month = OCTOBER, left: OpenTotal = NOTHING) -> Statement:
    tally = Tally()
    for entry in books.entries.values():
        if entry.month == month:
            tally.add(entry)
    return state(ACCOUNT, MERCHANT, month, tally.lines(), vat=2500, left=left, at=CLOSED_AT)


def test_a_month_is_gross_less_the_operators_less_our_fee_with_its_vat() -> None:
    books = Books().hear([changed(number=1), changed(number=2), changed(PremiumStatus.SENT, number=3)])
    statement = stated(books, left=OpenTotal(1, 4200))
    assert (statement.gross_ore, statement.operators_ore, statement.fee_ore) == (8400, 3360, 420)
    assert (statement.vat_ore, statement.net_ore, statement.expected_ore) == (105, 4515, 5040)
    assert statement.gross_ore == (statement.operators_ore + statement.fee_ore + statement.vat_ore + statement.net_ore)
    assert statement.open == OpenTotal(1, 4200)
    (line,) = statement.lines
    assert (line.kind, line.service_code, line.count, line.own_month) == (EntryKind.CHARGE, "06002", 2, OCTOBER)


def test_vat_is_taken_of_the_sum_and_not_of_each_charge() -> None:
    books = Books().hear([changed(number=number, price=130) for number in range(1, 5)])
    assert (stated(books).fee_ore, stated(books).vat_ore) == (28, 7)


def test_what_became_known_after_the_close_is_an_adjustment_of_the_next_month() -> None:
    books = Books().hear([changed(number=1)]).hear([changed(number=2), reversed_(number=1)], closed=OCTOBER)
    statement = stated(books, NOVEMBER)
    assert [(line.own_month, line.kind, line.gross_ore) for line in statement.lines] == [
        (OCTOBER, EntryKind.CHARGE, 4200),
        (OCTOBER, EntryKind.REVERSAL, -4200),
    ]


def test_a_month_of_reversals_alone_is_a_debt_to_the_last_ore() -> None:
    november = datetime(2026, 11, 3, 12, tzinfo=UTC)
    books = Books().hear([changed(), reversed_(ordered_at=november)])
    debt, credit = stated(books, NOVEMBER), stated(books)
    assert (debt.gross_ore, debt.net_ore, debt.vat_ore) == (-credit.gross_ore, -credit.net_ore, -credit.vat_ore)


def test_once_settled_and_paid_out_nothing_is_left_but_our_fee_and_the_vat() -> None:
    books = Books().hear([changed(number=number) for number in range(1, 11)])
    statement = stated(books)
    payout: Payout = decide(ACCOUNT, OCTOBER, brought_forward=0, net=statement.net_ore, received_on=Day("2026-11-20"))
    paid = payout_entry(payout, OCTOBER)
    assert paid is not None
    entries = [
        *books.entries.values(),
        vat_entry(statement),
        received_entry(statement, Day("2026-11-20"), OCTOBER),
        paid,
    ]
    assert {account: ore for account, ore in balances(entries).items() if ore} == {
        LedgerAccount.FEE: -statement.fee_ore,
        LedgerAccount.VAT: -statement.vat_ore,
        LedgerAccount.BANK: statement.fee_ore + statement.vat_ore,
    }


def test_a_month_without_anything_is_a_statement_of_nothing() -> None:
    statement = stated(Books().hear([changed(PremiumStatus.FAILED, ordered_at=START)]))
    assert (statement.lines, statement.net_ore, statement.vat_ore) == ((), 0, 0)
