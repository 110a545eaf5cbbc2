"""A month's close as it stands on record, and when one may be asked for. Pure.

requested ─► claimed ─► booked ─► issued ─► closed
    └──► refused, and may be asked for again
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from enum import StrEnum
from typing import Final

import msgspec

from services.billing.invoicing import parties
from services.billing.invoicing.kid import has_room
from services.billing.invoicing.parties import Customer, Seller
from services.billing.pricing.book import PriceBook
from shared.errors import Refused
from shared.money.amounts import Ore
from shared.money.periods import Month, first_day, month_of, moved


class ClosingState(StrEnum):
    """How far a close is."""

    REQUESTED = "requested"
    REFUSED = "refused"
    """Something is missing that it needs; nothing was done."""
    CLAIMED = "claimed"
    """What it goes by is written down and will not change."""
    BOOKED = "booked"
    """All that will be in the books of the month is."""
    ISSUED = "issued"
    """Every invoice has its number and its document."""
    CLOSED = "closed"
    """Finance has been told."""


NEXT: Final = {
    ClosingState.REQUESTED: frozenset({ClosingState.CLAIMED, ClosingState.REFUSED}),
    ClosingState.REFUSED: frozenset({ClosingState.REQUESTED}),
    ClosingState.CLAIMED: frozenset({ClosingState.BOOKED}),
    ClosingState.BOOKED: frozenset({ClosingState.ISSUED}),
    ClosingState.ISSUED: frozenset({ClosingState.CLOSED}),
    ClosingState.CLOSED: frozenset[ClosingState](),
}
"""Legal moves; none goes back over a step that was taken."""

WORKED_ON: Final = (ClosingState.REQUESTED, ClosingState.CLAIMED, ClosingState.BOOKED, ClosingState.ISSUED)


class Terms(msgspec.Struct, frozen=True):
    """What a close goes by beside the bookings, and its customers as they were when it was asked for."""

    at: datetime
    issued_on: date
    prices: PriceBook
    seller: Seller


class Figures(msgspec.Struct, frozen=True):
    """What a close came to; amounts in øre."""

    bookings: int = 0
    messages: int = 0
    parts: int = 0
    invoices: int = 0
    net: Ore = Ore(0)
    vat: Ore = Ore(0)
    total: Ore = Ore(0)


class Closing(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One month's. `requested_by` is the id of the key that asked; `early` that the month was not over.

    `turn` is when it was asked for among all orders of finance: it goes by customers as they were then. `reached` is
    how far the step of `state` has come; what lies before it needs no second look.
    """

    period: Month = msgspec.field(name="_id")
    state: ClosingState
    requested_at: datetime
    requested_by: str
    early: bool = False
    turn: int = 0
    reached: str = ""
    faults: tuple[str, ...] = ()
    terms: Terms | None = None
    figures: Figures | None = None

    def agreed(self) -> Terms:
        """The terms of a close that was claimed."""
        if self.terms is None:
            raise RuntimeError(f"the close of {self.period} is {self.state} and has no terms")
        return self.terms


def require_over(period: Month, *, early: bool, now: datetime) -> None:
    """Whether a month may be closed now, by the calendar.

    Raises `Refused`: `period_not_over` for a month that is not over, unless `early` is said of the current one: what
    it still brings is an adjustment in the next; `period_not_begun`.
    """
    current = month_of(now)
    if period > current:
        raise Refused("period_not_begun", f"{period} has not begun")
    if period == current and not early:
        raise Refused("period_not_over", f"{period} is not over; what it still brings would be adjusted in the next")


def require_next(period: Month, *, last: Month | None, under_way: Month | None) -> None:
    """Whether a month is the next to be closed: after `last`, the newest that is closed, and none other `under_way`.

    Raises `Refused` (`earlier_period_open`).
    """
    if under_way is not None and under_way != period:
        raise Refused("earlier_period_open", f"{under_way} is being closed: ask again when it is")
    if last is not None and period != moved(last, 1):
        raise Refused("earlier_period_open", f"after {last} comes {moved(last, 1)}")


def faults_of(prices: PriceBook, months: Iterable[Month]) -> Iterator[str]:
    """What a close lacks of prices for what was used in these months: nothing, when it may go on."""
    for month in months:
        try:
            prices.vat_in(month)
        except LookupError as missing:
            yield str(missing)


def faults_of_series(seller: Seller, last: int) -> Iterator[str]:
    """What a close lacks for the numbers of its invoices until the last."""
    if not has_room(last, seller.kid_digits):
        yield f"seller: kid_digits has no room for invoice {last}"


def faults_with(prices: PriceBook, customer: Customer, period: Month) -> Iterator[str]:
    """What a close lacks to price a customer, and what is not right with its record, which may be older than a rule."""
    for fault in parties.faults_of(customer):
        yield f"customer {customer.customer_id}: {fault.pointer}: {fault.message}"
    try:
        plan = prices.plan(customer.plan)
        for one in customer.subscriptions:
            plan.subscription_at(one.code, max(one.since, first_day(period)))
    except LookupError as missing:
        yield f"customer {customer.customer_id}: {missing}"
