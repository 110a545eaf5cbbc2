"""From the bookings of a month to the lines of an invoice. Pure: the same values give the same lines, for ever.

Lines are in the order: usage of the month, adjustments of earlier months (oldest first), subscriptions, set-up; and
within that by price row and account. Each is rounded once, `quantity` times `unit_price`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

import msgspec

from services.billing.invoicing.parties import Customer, Subscribed
from services.billing.pricing.book import PriceBook
from services.billing.pricing.plans import CountedBy, Plan, PriceRow
from services.billing.pricing.tiers import bands
from shared.contracts.billing import LineKind
from shared.ids import AccountId
from shared.money.amounts import Ore, line_total, vat_of
from shared.money.periods import Day, Month, first_day, month_of_day, moved

_MONTHS: Final = (
    "januar februar mars april mai juni juli august september oktober november desember".split()  # noqa: SIM905
)

VatIn = Callable[[Month], Decimal]
"""The rate of VAT of a month, per cent."""


class Place(NamedTuple):
    """What the tiers of one row count for themselves in one month."""

    month: Month
    price_row: str
    account_id: AccountId


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line, without a number. `unit_price` is in crowns, `vat_rate` per cent: that of its month."""

    kind: LineKind
    text: str
    quantity: int
    unit_price: Decimal
    net: Ore
    month: Month
    vat_rate: Decimal
    account_id: AccountId | None = None
    price_row: str | None = None


class Taxed(msgspec.Struct, frozen=True):
    """What of an invoice is taxed at one rate: VAT is taken on the sum of its lines."""

    rate: Decimal
    net: Ore
    vat: Ore


class Amounts(msgspec.Struct, frozen=True):
    """The sums of an invoice."""

    net: Ore
    vat: Ore
    total: Ore


def lines_of(
    period: Month, customer: Customer, prices: PriceBook, now: Mapping[Place, int], before: Mapping[Place, int]
) -> list[Line]:
    """All lines of a customer's invoice for a month; `before` is what earlier months have at each place.

    Raises `LookupError` for a plan, a row or product of it, or a month's rate of VAT, that the book does not have.
    """
    plan = prices.plan(customer.plan)
    usage = list(_usage_lines(period, plan, prices.vat_in, now, before))
    subscriptions = [
        line for one in customer.subscriptions for line in _subscription_lines(period, plan, prices.vat_in, one)
    ]
    order = list(LineKind)
    return sorted([*usage, *subscriptions], key=lambda line: order.index(line.kind))


def taxed(lines: Sequence[Line]) -> list[Taxed]:
    """The sums at each rate, the highest first."""
    found = []
    for rate in sorted({line.vat_rate for line in lines}, reverse=True):
        net = Ore(sum(line.net for line in lines if line.vat_rate == rate))
        found.append(Taxed(rate, net, vat_of(net, rate)))
    return found


def amounts_of(lines: Sequence[Line]) -> Amounts:
    """The sums."""
    parts = taxed(lines)
    net, vat = Ore(sum(part.net for part in parts)), Ore(sum(part.vat for part in parts))
    return Amounts(net, vat, Ore(net + vat))


def _usage_lines(
    period: Month, plan: Plan, vat_in: VatIn, now: Mapping[Place, int], before: Mapping[Place, int]
) -> Iterator[Line]:
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
                vat_rate=vat_in(place.month),
                account_id=place.account_id,
                price_row=place.price_row,
            )


def _subscription_lines(period: Month, plan: Plan, vat_in: VatIn, subscribed: Subscribed) -> Iterator[Line]:
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
            text = f"{product.text}, {_month_text(month)}"
            yield _single(LineKind.SUBSCRIPTION, text, product.monthly, month, vat_in(month))
        if product.set_up and month == begins:
            text = f"{product.text}, etablering"
            yield _single(LineKind.SET_UP, text, product.set_up, month, vat_in(month))


def _single(kind: LineKind, text: str, price: Decimal, month: Month, rate: Decimal) -> Line:
    net = line_total(1, price)
    return Line(kind=kind, text=text, quantity=1, unit_price=price, net=net, month=month, vat_rate=rate)


def _usage_text(row: PriceRow, place: Place, *, late: bool) -> str:
    text = f"{row.text}, {_month_text(place.month)}, konto {place.account_id}"
    return f"{text}, etterregistrert" if late else text


def _month_text(month: Month) -> str:
    return f"{_MONTHS[int(month[5:]) - 1]} {month[:4]}"
