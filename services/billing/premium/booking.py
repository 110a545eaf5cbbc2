"""From what is known of a transaction to entries: pure, and the same for every order of the same events."""

from __future__ import annotations

from typing import Final

import msgspec

from services.billing.premium.entry import Entry, EntryId, EntryKind, Line, countered
from services.billing.premium.terms import TermsTable
from services.billing.premium.transaction import Leg, Transaction
from shared.money.periods import Day, Month, day_of, month_of_day, moved

_NOWHERE: Final = Month("")


class Booked(msgspec.Struct, frozen=True):
    """A transaction, and the entries that its books lacked."""

    transaction: Transaction
    entries: tuple[Entry, ...] = ()


def book(transaction: Transaction, terms: TermsTable, cause: str, closed: Month = _NOWHERE) -> Booked:
    """Book what is known now and is not booked yet: the charge once money moved, then its reversal likewise.

    What is unknown is booked nowhere. The reversal counters the lines that were booked, whatever the terms are by
    then. `closed` is the last month that takes no more entries: what belongs there goes into the month after.
    """
    entries = []
    charge, reversal = transaction.charge, transaction.reversal
    if charge is not None and charge.moved and not transaction.lines and transaction.counts:
        row = terms.at(
            day_of(charge.ordered_at),
            merchant_id=transaction.merchant_id,
            service_code=transaction.service_code,
            business_model=transaction.business_model,
        )
        transaction = msgspec.structs.replace(transaction, lines=row.split(transaction.price))
        entries.append(_entry(transaction, EntryKind.CHARGE, charge, transaction.lines, cause, closed))
    if reversal is not None and reversal.moved and transaction.lines and not transaction.countered:
        transaction = msgspec.structs.replace(transaction, countered=True)
        entries.append(_entry(transaction, EntryKind.REVERSAL, reversal, countered(transaction.lines), cause, closed))
    return Booked(transaction, tuple(entries))


def entry_month(day: Day, closed: Month) -> Month:
    """Where something of that day is booked: in its own month, or in the first that is open."""
    own = month_of_day(day)
    return own if own > closed else moved(closed, 1)


def _entry(
    transaction: Transaction, kind: EntryKind, leg: Leg, lines: tuple[Line, ...], cause: str, closed: Month
) -> Entry:
    day = day_of(leg.ordered_at)
    return Entry(
        id=EntryId(f"{transaction.id}:{kind}"),
        kind=kind,
        account_id=transaction.account_id,
        merchant_id=transaction.merchant_id,
        day=day,
        own_month=month_of_day(day),
        month=entry_month(day, closed),
        cause=cause,
        lines=lines,
        transaction_id=transaction.id,
        service_code=transaction.service_code,
    )
