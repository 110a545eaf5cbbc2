from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, date, datetime

import msgspec
import pytest

from services.billing.invoicing.closing import (
    NEXT,
    ClosingState,
    faults_of,
    faults_of_series,
    faults_with,
    require_next,
    require_over,
)
from services.billing.pricing.book import PriceBook, VatRate
from shared.errors import Refused
from shared.money.periods import Month
from tests.unit.billing.invoices import NOVEMBER, PLAN, SELLER, gateway

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
OCTOBER, DECEMBER = Month("2026-10"), Month("2026-12")


@pytest.mark.parametrize(
    ("period", "last", "under_way", "refused"),
    [
        (OCTOBER, None, None, False),
        (OCTOBER, None, OCTOBER, False),
        (OCTOBER, None, Month("2026-09"), True),
        (Month("2026-09"), None, OCTOBER, True),
        (OCTOBER, Month("2026-09"), None, False),
        (OCTOBER, Month("2026-08"), None, True),
        (OCTOBER, Month("2026-08"), Month("2026-09"), True),
        (Month("2026-08"), Month("2026-09"), None, True),
    ],
)
def test_months_are_closed_one_after_the_other(
    period: Month, last: Month | None, under_way: Month | None, refused: bool
) -> None:
    with pytest.raises(Refused, match="earlier_period_open") if refused else nullcontext():
        require_next(period, last=last, under_way=under_way)


@pytest.mark.parametrize(
    ("period", "early", "code"),
    [
        (OCTOBER, False, None),
        (NOVEMBER, False, "period_not_over"),
        (NOVEMBER, True, None),
        (DECEMBER, True, "period_not_begun"),
    ],
)
def test_a_month_is_closed_when_it_is_over(period: Month, early: bool, code: str | None) -> None:
    with pytest.raises(Refused, match=code) if code else nullcontext():
        require_over(period, early=early, now=NOON)


def test_a_month_is_over_at_midnight_in_norway() -> None:
    require_over(OCTOBER, early=False, now=datetime(2026, 10, 31, 23, 0, tzinfo=UTC))
    with pytest.raises(Refused, match="period_not_over"):
        require_over(OCTOBER, early=False, now=datetime(2026, 10, 31, 22, 59, tzinfo=UTC))


def test_a_close_ends_in_one_state_and_never_goes_back() -> None:
    assert set(NEXT) == set(ClosingState)
    assert [state for state in ClosingState if not NEXT[state]] == [ClosingState.CLOSED]


def test_a_close_that_cannot_price_everything_says_what_it_lacks() -> None:
    vat = (VatRate(date(2005, 1, 1), PLAN.rows[0].tiers[0].price, "x"),)
    book = PriceBook((PLAN,), vat)
    customers = (gateway(date(2026, 11, 1)), gateway(date(2025, 1, 1)))
    assert [fault for one in customers for fault in faults_with(book, one, NOVEMBER)] == []
    assert list(faults_with(PriceBook((), vat), customers[0], NOVEMBER)) == [
        "customer nordvik: there is no plan example"
    ]
    nameless = msgspec.structs.replace(customers[0], name=" ", gln="100000-000007")
    assert [fault.split(": ")[:2] for fault in faults_with(book, nameless, NOVEMBER)] == [
        ["customer nordvik", "/gln"],
        ["customer nordvik", "/name"],
    ]
    assert list(faults_of(book, [OCTOBER, NOVEMBER])) == []
    assert list(faults_of(PriceBook((PLAN,), ()), [NOVEMBER])) == ["no rate of VAT is known for 2026-11"]


def test_a_close_whose_numbers_outgrow_the_kid_says_so() -> None:
    seller = msgspec.structs.replace(SELLER, kid_digits=7)
    assert list(faults_of_series(seller, 999_999)) == []
    assert list(faults_of_series(seller, 1_000_000)) == ["seller: kid_digits has no room for invoice 1000000"]
