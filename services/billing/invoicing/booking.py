"""What of the daily sums goes into the books of a month. Pure.

The books of a month take of every sum what is not settled of it yet. So what becomes known after a month was closed is
in the next one, however old it is, and the sum over all bookings of a daily sum, and what finance wrote off of it, is
what was used, once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import msgspec

from services.billing.pricing.plans import Plan
from services.billing.usage.sums import Daily
from shared.contracts.words import Category
from shared.ids import AccountId
from shared.money.periods import Day, Month, month_of_day


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


def bookings_of(period: Month, customer_id: str, plan: Plan, sums: Sequence[Daily]) -> list[Booking]:
    """What is not settled of these sums, for a customer. Raises `LookupError` without a price."""
    return [
        Booking(
            booking_id=f"{period}:{one.usage_id}",
            period=period,
            customer_id=customer_id,
            usage_id=one.usage_id,
            account_id=one.total.account_id,
            day=one.total.day,
            operator=one.total.operator,
            country=one.total.country,
            category=one.total.category,
            price_row=plan.row_at(one.total.country, date.fromisoformat(one.total.day)).row_id,
            messages=one.rest.messages,
            parts=one.rest.parts,
        )
        for one in sums
    ]
