from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from services.billing.invoicing.closing import NEXT, ClosingState, faults_of, require_closable
from services.billing.pricing.book import PriceBook, VatRate
from shared.errors import Refused
from shared.money.periods import Month
from tests.unit.billing.invoices import NOVEMBER, PLAN, gateway

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
OCTOBER, DECEMBER = Month("2026-10"), Month("2026-12")


@pytest.mark.parametrize(
    ("period", "early", "last", "code"),
    [
        (OCTOBER, False, None, None),
        (OCTOBER, False, Month("2026-09"), None),
        (OCTOBER, False, Month("2026-08"), "earlier_period_open"),
        (Month("2026-08"), False, Month("2026-09"), "earlier_period_open"),
        (NOVEMBER, False, OCTOBER, "period_not_over"),
        (NOVEMBER, True, OCTOBER, None),
        (DECEMBER, True, NOVEMBER, "period_not_begun"),
    ],
)
def test_months_are_closed_one_after_the_other_when_they_are_over(
    period: Month, early: bool, last: Month | None, code: str | None
) -> None:
    if code is None:
        require_closable(period, early=early, now=NOON, last=last)
        return
    with pytest.raises(Refused, match=code):
        require_closable(period, early=early, now=NOON, last=last)


def test_a_month_is_over_at_midnight_in_norway() -> None:
    require_closable(OCTOBER, early=False, now=datetime(2026, 10, 31, 23, 0, tzinfo=UTC), last=None)
    with pytest.raises(Refused, match="period_not_over"):
        require_closable(OCTOBER, early=False, now=datetime(2026, 10, 31, 22, 59, tzinfo=UTC), last=None)


def test_a_close_ends_in_one_state_and_never_goes_back() -> None:
    assert set(NEXT) == set(ClosingState)
    assert [state for state in ClosingState if not NEXT[state]] == [ClosingState.CLOSED]


def test_a_close_that_cannot_price_everything_says_what_it_lacks() -> None:
    vat = (VatRate(date(2005, 1, 1), PLAN.rows[0].tiers[0].price, "x"),)
    customers = (gateway(date(2026, 11, 1)), gateway(date(2025, 1, 1)))
    assert list(faults_of(PriceBook((PLAN,), vat), customers, NOVEMBER)) == []
    assert len(list(faults_of(PriceBook((), vat), customers, NOVEMBER))) == 2
    assert list(faults_of(PriceBook((PLAN,), ()), (), NOVEMBER)) == ["no rate of VAT is known for 2026-11-01"]
