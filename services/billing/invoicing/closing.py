"""A month's close as it stands on record, and when one may be asked for. Pure.

requested ─► claimed ─► booked ─► issued ─► closed
    └──► refused, and may be asked for again
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from enum import StrEnum
from typing import Final

import msgspec

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
    """All that a close goes by beside the bookings, as it was when it was claimed."""

    at: datetime
    issued_on: date
    prices: PriceBook
    seller: Seller
    customers: tuple[Customer, ...]


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
    """One month's. `requested_by` is the id of the key that asked; `early` that the month was not over."""

    period: Month = msgspec.field(name="_id")
    state: ClosingState
    requested_at: datetime
    requested_by: str
    early: bool = False
    faults: tuple[str, ...] = ()
    terms: Terms | None = None
    figures: Figures | None = None

    def agreed(self) -> Terms:
        """The terms of a close that was claimed."""
        if self.terms is None:
            raise RuntimeError(f"the close of {self.period} is {self.state} and has no terms")
        return self.terms


def require_closable(period: Month, *, early: bool, now: datetime, last: Month | None) -> None:
    """Whether a month may be closed now, when `last` is the newest that was closed or is being closed.

    Raises `Refused`: `period_not_over` for a month that is not over, unless `early` is said of the current one: what
    it still brings is an adjustment in the next; `period_not_begun`; `earlier_period_open` for a month that is not
    the one after the last.
    """
    current = month_of(now)
    if period > current:
        raise Refused("period_not_begun", f"{period} has not begun")
    if period == current and not early:
        raise Refused("period_not_over", f"{period} is not over; what it still brings would be adjusted in the next")
    if last is not None and period != moved(last, 1):
        raise Refused("earlier_period_open", f"after {last} comes {moved(last, 1)}")


def faults_of(prices: PriceBook, customers: tuple[Customer, ...], period: Month) -> Iterator[str]:
    """What a close lacks to price everything: nothing, when it may go on."""
    try:
        prices.vat_at(first_day(period))
    except LookupError as missing:
        yield str(missing)
    for customer in customers:
        try:
            plan = prices.plan(customer.plan)
            for one in customer.subscriptions:
                plan.subscription_at(one.code, max(one.since, first_day(period)))
        except LookupError as missing:
            yield f"customer {customer.customer_id}: {missing}"
