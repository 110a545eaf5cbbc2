"""What is paid out to an account, and when (R-73, R-75).

Paid is in the month after Strex settled with us, on a bank day, and only what has come to NOK 100 by then: less is
carried forward, and so is a debt, which what comes later is set off against. Nothing is lost: what was ever due is
paid or carried.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NewType

import msgspec

from services.billing.premium.bank_days import bank_day_from
from services.billing.premium.booking import entry_month
from services.billing.premium.chart import LedgerAccount
from services.billing.premium.entry import Entry, EntryId, EntryKind, lines_of
from shared.ids import AccountId
from shared.money.periods import Day, Month, first_day, month_of_day, moved

PayoutId = NewType("PayoutId", str)

MINIMUM_ORE: Final = 10_000
"""`under NOK 100` may be held back: 99.99 waits, 100.00 is paid."""
_DAY: Final = 15


class Held(StrEnum):
    """Why nothing is paid."""

    UNDER_MINIMUM = "under_minimum"
    DEBT = "debt"


class Payout(msgspec.Struct, frozen=True, kw_only=True):
    """What the settlement of a month leads to for one account. Øre; `due = brought_forward + net = paid + carried`."""

    id: PayoutId
    account_id: AccountId
    month: Month
    brought_forward_ore: int
    net_ore: int
    due_ore: int
    paid_ore: int
    carried_ore: int
    received_on: Day
    pay_on: Day | None = None
    held: Held | None = None


def decide(account: AccountId, month: Month, *, brought_forward: int, net: int, received_on: Day) -> Payout:
    """Pay or hold back."""
    due = brought_forward + net
    pays = due >= MINIMUM_ORE
    return Payout(
        id=PayoutId(f"{month}:{account}"),
        account_id=account,
        month=month,
        brought_forward_ore=brought_forward,
        net_ore=net,
        due_ore=due,
        paid_ore=due if pays else 0,
        carried_ore=0 if pays else due,
        received_on=received_on,
        pay_on=pay_day(received_on) if pays else None,
        held=None if pays else Held.DEBT if due < 0 else Held.UNDER_MINIMUM,
    )


def pay_day(received_on: Day) -> Day:
    """The 15th of the month after the settlement was received, or the first bank day from it on."""
    return Day(bank_day_from(first_day(moved(month_of_day(received_on), 1)).replace(day=_DAY)).isoformat())


def payout_entry(payout: Payout, closed: Month) -> Entry | None:
    """Books a payout; None when nothing is paid."""
    if payout.pay_on is None:
        return None
    lines = {LedgerAccount.MERCHANT: payout.paid_ore, LedgerAccount.BANK: -payout.paid_ore}
    return Entry(
        id=EntryId(f"{payout.id}:{EntryKind.PAYOUT}"),
        kind=EntryKind.PAYOUT,
        account_id=payout.account_id,
        merchant_id="",
        day=payout.pay_on,
        own_month=month_of_day(payout.pay_on),
        month=entry_month(payout.pay_on, closed),
        cause=payout.id,
        lines=lines_of(lines),
    )
