"""From the bookings of a month to the lines of an invoice. Pure: the same values give the same lines, for ever.

Lines are in the order: usage of the month, adjustments of earlier months (oldest first), subscriptions, set-up; and
within that by price row and account. Each is rounded once, `quantity` times `unit_price`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

import msgspec

from services.billing.invoicing.parties import Customer, Subscribed
from services.billing.pricing.plans import CountedBy, Plan, PriceRow
from services.billing.pricing.tiers import bands
from shared.contracts.billing import LineKind
from shared.ids import AccountId
from shared.money.amounts import Ore, line_total, vat_of
from shared.money.periods import Day, Month, first_day, month_of_day, moved

_MONTHS: Final = (
    "januar februar mars april mai juni juli august september oktober november desember".split()  # noqa: SIM905
)


class Place(NamedTuple):
    """What the tiers of one row count for themselves in one month."""

    month: Month
    price_row: str
    account_id: AccountId


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line, without a number. `unit_price` is in crowns."""

    kind: LineKind
    text: str
    quantity: int
    unit_price: Decimal
    net: Ore
    month: Month
    account_id: AccountId | None = None
    price_row: str | None = None


class Amounts(msgspec.Struct, frozen=True):
    """The sums of an invoice; VAT is taken on the sum of the lines."""

    net: Ore
    vat: Ore
    total: Ore


def lines_of(
    period: Month, customer: Customer, plan: Plan, now: Mapping[Place, int], before: Mapping[Place, int]
) -> list[Line]:
    """All lines of a customer's invoice for a month; `before` is what earlier months have at each place.

    Raises `LookupError` for a row or a product that the plan does not have.
    """
    usage = list(_usage_lines(period, plan, now, before))
    subscriptions = [line for one in customer.subscriptions for line in _subscription_lines(period, plan, one)]
    order = list(LineKind)
    return sorted([*usage, *subscriptions], key=lambda line: order.index(line.kind))


def amounts_of(lines: Sequence[Line], vat_rate: Decimal) -> Amounts:
    """The sums. `vat_rate` is per cent."""
    net = Ore(sum(line.net for line in lines))
    vat = vat_of(net, vat_rate)
    return Amounts(net, vat, Ore(net + vat))


def _usage_lines(period: Month, plan: Plan, now: Mapping[Place, int], before: Mapping[Place, int]) -> Iterator[Line]:
    """Graduated tiers go on where the month stood: over its account, or over all accounts in the order of their ids."""
    reached: Counter[tuple[Month, str]] = Counter()
    for place, parts in before.items():
        reached[place.month, place.price_row] += parts
    for place in sorted(place for place, parts in now.items() if parts):
        row = plan.row(place.price_row)
        counted = (place.month, place.price_row)
        start = reached[counted] if row.counted_by is CountedBy.CUSTOMER else before.get(place, 0)
        reached[counted] += now[place]
        for band in bands(row.tiers, row.mode, start, now[place]):
            yield Line(
                kind=LineKind.USAGE if place.month == period else LineKind.ADJUSTMENT,
                text=_usage_text(row, place, late=place.month != period),
                quantity=band.quantity,
                unit_price=band.price,
                net=line_total(band.quantity, band.price),
                month=place.month,
                account_id=place.account_id,
                price_row=place.price_row,
            )


def _subscription_lines(period: Month, plan: Plan, subscribed: Subscribed) -> Iterator[Line]:
    """The next month in advance (R-38); for the month in which it begins, that month and the set-up too.

    A month that has begun is paid whole (R-54).
    """
    begins = month_of_day(Day(subscribed.since.isoformat()))
    if begins > period:
        return
    for month in (period, moved(period, 1)) if begins == period else (moved(period, 1),):
        product = plan.subscription_at(subscribed.code, max(first_day(month), subscribed.since))
        ended = month != begins and subscribed.until is not None and subscribed.until < first_day(month)
        if product.monthly and not ended:
            yield _single(LineKind.SUBSCRIPTION, f"{product.text}, {_month_text(month)}", product.monthly, month)
        if product.set_up and month == begins:
            yield _single(LineKind.SET_UP, f"{product.text}, etablering", product.set_up, month)


def _single(kind: LineKind, text: str, price: Decimal, month: Month) -> Line:
    return Line(kind=kind, text=text, quantity=1, unit_price=price, net=line_total(1, price), month=month)


def _usage_text(row: PriceRow, place: Place, *, late: bool) -> str:
    text = f"{row.text}, {_month_text(place.month)}, konto {place.account_id}"
    return f"{text}, etterregistrert" if late else text


def _month_text(month: Month) -> str:
    return f"{_MONTHS[int(month[5:]) - 1]} {month[:4]}"
