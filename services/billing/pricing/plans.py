"""Price plans: dated rows that say what a part of a message costs, and what subscriptions cost.

Rows are added, never changed: what was priced by one keeps its price. A row holds from its day on, in Norway, until
the next row of the same product and country.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

import msgspec

from services.billing.pricing.tiers import PRICE, Mode, Tier, faults, is_price
from shared.money.periods import Day, first_day, last_day, month_of_day, moved
from shared.text.printed import fault_of_line

Name = Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9][a-z0-9-]{0,63}\Z")]
Country = Annotated[str, msgspec.Meta(pattern=r"\A[A-Z]{2}\Z")]

HOME = "NO"
NOTICED_SINCE = date(2027, 1, 1)
"""Changes from this day on have a day of notice, of whatever kind. Before it only what took the place of a row of the
same country had to: of others none is on record.
"""
_A_DAY = timedelta(days=1)


class CountedBy(StrEnum):
    """Over what a month's tiers count."""

    ACCOUNT = "account"
    CUSTOMER = "customer"


class PriceRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What parts of messages to a country cost from a day on. Without `country` it is for all that have no row.

    `noticed_on` is the day of the notice to customers, for every row that changes what a message cost before.
    """

    row_id: Name
    valid_from: date
    tiers: tuple[Tier, ...]
    text: str
    country: Country | None = None
    mode: Mode = Mode.GRADUATED
    counted_by: CountedBy = CountedBy.ACCOUNT
    noticed_on: date | None = None


class Subscription(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a product costs a month, in advance, and once at its beginning, in crowns without VAT (R-03 to R-11).

    `noticed_on` is the day of the notice to customers, for every price but the first of the product. `add_on` says that
    it comes beside a main product, whose price needs a longer notice.
    """

    code: Name
    text: str
    valid_from: date
    monthly: Decimal
    set_up: Decimal = Decimal(0)
    add_on: bool = False
    noticed_on: date | None = None


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that customers of one plan pay."""

    plan_id: Name
    rows: tuple[PriceRow, ...]
    subscriptions: tuple[Subscription, ...] = ()

    def row_at(self, country: str, day: date) -> PriceRow:
        """The row for a message to this country that was accepted on this day: its own once there is one, else that
        for all.

        Before the first day of all, the first row. Raises `LookupError` when no row is for the country.
        """
        rows = sorted(
            (row for row in self.rows if row.country in {country, None}),
            key=lambda row: (row.valid_from, row.country is None),
        )
        if not rows:
            raise LookupError(f"plan {self.plan_id} has no price for {country}")
        begun = [row for row in rows if row.valid_from <= day] or rows[:1]
        own = [row for row in begun if row.country == country]
        return (own or begun)[-1]

    def row(self, row_id: str) -> PriceRow:
        """The row of this id. Raises `LookupError`."""
        for row in self.rows:
            if row.row_id == row_id:
                return row
        raise LookupError(f"plan {self.plan_id} has no row {row_id}")

    def subscription_at(self, code: str, day: date) -> Subscription:
        """What a product costs from this day on. Raises `LookupError`."""
        found = [one for one in self.subscriptions if one.code == code and one.valid_from <= day]
        if not found:
            raise LookupError(f"plan {self.plan_id} has no subscription {code} on {day}")
        return max(found, key=lambda one: one.valid_from)


def faults_of(plan: Plan) -> Iterator[str]:
    """What is wrong with a plan as a whole; nothing of a good one."""
    ids = [row.row_id for row in plan.rows]
    if len(set(ids)) != len(ids):
        yield "two rows have the same row_id"
    if not any(row.country is None for row in plan.rows):
        yield "no row is for all countries that have none"
    for row in plan.rows:
        if (fault := faults(row.tiers)) is not None:
            yield f"row {row.row_id}: tiers: {fault}"
        if (fault := fault_of_line(row.text)) is not None:
            yield f"row {row.row_id}: text: {fault}"
    dates = [(one.code, one.valid_from) for one in plan.subscriptions]
    for code, day in sorted({one for one in dates if dates.count(one) > 1}):
        yield f"subscription {code}: valid_from: two prices begin on {day}"
    for one in plan.subscriptions:
        if (fault := fault_of_line(one.text)) is not None:
            yield f"subscription {one.code}: text: {fault}"
        for name, price in (("monthly", one.monthly), ("set_up", one.set_up)):
            if not is_price(price):
                yield f"subscription {one.code}: {name}: {PRICE}"
    places = [(row.country, row.valid_from) for row in plan.rows]
    for row in plan.rows:
        if places.count((row.country, row.valid_from)) > 1:
            yield f"row {row.row_id}: valid_from: another row of the country begins on the same day"
    yield from _notices(plan)


def _notices(plan: Plan) -> Iterator[str]:
    """A change of price is noticed a month before, of messages at home and of main products (R-47), and a day before of
    messages abroad and of add-ons (R-49).
    """
    for row in plan.rows:
        # The first row of a country changes what the row for all was.
        places = {row.country, None} if row.valid_from >= NOTICED_SINCE else {row.country}
        if any(one.valid_from < row.valid_from and one.country in places for one in plan.rows):
            yield from _notice(f"row {row.row_id}", row.valid_from, row.noticed_on, month=_is_home(row, plan))
    for product in plan.subscriptions:
        begun = any(one.valid_from < product.valid_from and one.code == product.code for one in plan.subscriptions)
        if begun and product.valid_from >= NOTICED_SINCE:
            name = f"subscription {product.code}"
            yield from _notice(name, product.valid_from, product.noticed_on, month=not product.add_on)


def _is_home(row: PriceRow, plan: Plan) -> bool:
    """Whether a row prices messages at home from its day: its own, or that for all while home has none."""
    if row.country is None and row.valid_from >= NOTICED_SINCE:
        return not any(one.country == HOME and one.valid_from <= row.valid_from for one in plan.rows)
    return row.country == HOME


def _notice(name: str, valid_from: date, noticed_on: date | None, *, month: bool) -> Iterator[str]:
    if noticed_on is None:
        yield f"{name}: noticed_on: a change of price has one"
    elif month and valid_from < _month_after(noticed_on):
        yield f"{name}: valid_from: less than a month after noticed_on"
    elif valid_from < noticed_on + _A_DAY:
        yield f"{name}: valid_from: less than a day after noticed_on"


def _month_after(day: date) -> date:
    """The same day of the next month, or its last."""
    month = moved(month_of_day(Day(day.isoformat())), 1)
    return min(first_day(month) + (day.day - 1) * _A_DAY, last_day(month))
