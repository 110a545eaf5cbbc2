"""What of the usage ledger goes into the books of a month. Pure.

The books of a month hold, for every daily sum, what it has now less what the books of earlier months hold of it. So
what becomes known after a month was closed is in the next one, and the sum over all bookings of a daily sum is what
was charged of it, once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date

import msgspec

from services.billing.pricing.plans import Plan
from services.billing.usage.store import Total
from shared.contracts.words import Category
from shared.ids import AccountId
from shared.money.periods import Day, Month, month_of_day

REACH = 2
"""Earlier months that a close looks at. What an event can still tell of lies a few days back; the ledger, whose rows
may be purged three months after (R-114), has all of these."""


class Booking(msgspec.Struct, frozen=True):
    """So much of a daily sum in the books of `period`; `booking_id` is `<period>:<usage id>`."""

    booking_id: str = msgspec.field(name="_id")
    period: Month
    customer_id: str
    usage_id: str
    account_id: AccountId
    day: Day
    operator: str
    country: str
    category: Category
    price_row: str
    messages: int
    parts: int

    @property
    def month(self) -> Month:
        """The month in which the messages were accepted; before `period` it is an adjustment."""
        return month_of_day(self.day)


class Sum(msgspec.Struct, frozen=True):
    """What is booked of a daily sum."""

    messages: int = 0
    parts: int = 0


def sums(bookings: Iterable[Booking]) -> dict[str, Sum]:
    """What these bookings hold of each daily sum, by usage id."""
    found: dict[str, Sum] = {}
    for one in bookings:
        before = found.get(one.usage_id, Sum())
        found[one.usage_id] = Sum(before.messages + one.messages, before.parts + one.parts)
    return found


def unbooked(totals: Iterable[Total], booked: Mapping[str, Sum]) -> Iterator[tuple[Total, Sum]]:
    """The daily sums of which there is more than is booked, and how much more.

    A ledger that has less than the books was purged; what was charged stays charged.
    """
    for total in totals:
        before = booked.get(total.usage_id, Sum())
        if total.parts > before.parts:
            yield total, Sum(max(total.messages - before.messages, 0), total.parts - before.parts)


def bookings_of(
    period: Month, customer_id: str, plan: Plan, totals: Iterable[Total], booked: Mapping[str, Sum]
) -> list[Booking]:
    """The bookings of a customer. `booked` holds what earlier months have. Raises `LookupError` without a price."""
    return [
        Booking(
            booking_id=f"{period}:{total.usage_id}",
            period=period,
            customer_id=customer_id,
            usage_id=total.usage_id,
            account_id=total.account_id,
            day=total.day,
            operator=total.operator,
            country=total.country,
            category=total.category,
            price_row=plan.row_at(total.country, date.fromisoformat(total.day)).row_id,
            messages=more.messages,
            parts=more.parts,
        )
        for total, more in unbooked(totals, booked)
    ]
