"""The price book: all plans, and the rates of VAT, from a file that is refused whole when anything in it is wrong.

A rate of VAT begins with a month, as laws have it: so each line of an invoice, which is of one month, has one.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Final

import msgspec

from services.billing.pricing.plans import Plan, faults_of
from shared.errors import BadSettings
from shared.money.periods import Month, first_day

_PER_CENT: Final = 100
EXAMPLE: Final = Path(__file__).with_name("prices.toml")


class VatRate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ordinary rate, per cent, from a day on, and where that stands."""

    valid_from: date
    rate: Decimal
    source: str


class PriceBook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Plans by id, VAT by date."""

    plans: tuple[Plan, ...]
    vat: tuple[VatRate, ...]

    def plan(self, plan_id: str) -> Plan:
        """Raises `LookupError` for a plan that is not in the book."""
        for plan in self.plans:
            if plan.plan_id == plan_id:
                return plan
        raise LookupError(f"there is no plan {plan_id}")

    def vat_in(self, month: Month) -> Decimal:
        """The rate of what was delivered in a month. Raises `LookupError` before the first."""
        rates = [rate for rate in self.vat if rate.valid_from <= first_day(month)]
        if not rates:
            raise LookupError(f"no rate of VAT is known for {month}")
        return max(rates, key=lambda rate: rate.valid_from).rate

    @property
    def taxed_since(self) -> date:
        """The first day with a rate of VAT."""
        return min((rate.valid_from for rate in self.vat), default=date.max)


def read_prices(path: Path) -> PriceBook:
    """Raises `BadSettings` that says what is wrong and where, of the first fault or of all that concern whole plans."""
    try:
        book = msgspec.convert(tomllib.loads(path.read_text(), parse_float=Decimal), PriceBook, strict=False)
    except OSError as error:
        raise BadSettings("bad_prices", f"BUDSTIKKE_PRICES: cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise BadSettings("bad_prices", f"BUDSTIKKE_PRICES: {error}") from None
    if found := list(_faults(book)):
        raise BadSettings("bad_prices", f"BUDSTIKKE_PRICES: {'; '.join(found)}")
    return book


def _faults(book: PriceBook) -> Iterator[str]:
    ids = [plan.plan_id for plan in book.plans]
    if len(set(ids)) != len(ids):
        yield "two plans have the same plan_id"
    # Bookings and invoices name a row alone: an account that changes its plan has another row from then on.
    plans = Counter(row_id for plan in book.plans for row_id in {row.row_id for row in plan.rows})
    yield from (f"row {row_id}: row_id: two plans have it" for row_id, count in sorted(plans.items()) if count > 1)
    if not book.vat:
        yield "no rate of VAT"
    days = [one.valid_from for one in book.vat]
    for one in book.vat:
        if not (one.rate.is_finite() and 0 < one.rate <= _PER_CENT and one.rate == round(one.rate, 2)):
            yield f"vat {one.valid_from}: rate: above 0 and at most 100 per cent, with at most two decimals"
        if one.valid_from.day != 1:
            yield f"vat {one.valid_from}: valid_from: the first day of a month"
        if days.count(one.valid_from) > 1:
            yield f"vat {one.valid_from}: valid_from: another rate begins on the same day"
    for plan in book.plans:
        yield from (f"plan {plan.plan_id}: {fault}" for fault in faults_of(plan))
