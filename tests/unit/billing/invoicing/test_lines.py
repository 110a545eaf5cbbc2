"""From daily sums over bookings to lines, month after month."""

from __future__ import annotations

from collections import Counter
from datetime import date
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.billing.invoicing.booking import Booking, bookings_of
from services.billing.invoicing.drafting import Line, amounts_of
from services.billing.pricing.book import VatRate
from services.billing.pricing.plans import CountedBy
from services.billing.pricing.tiers import Mode, bands
from services.billing.usage.store import Total
from services.billing.usage.sums import Daily, Settled
from shared.contracts.billing import LineKind
from shared.contracts.words import Category
from shared.ids import AccountId
from shared.money.amounts import line_total, vat_of
from shared.money.periods import Day, Month, moved
from tests.unit.billing.building import ACCEPTED
from tests.unit.billing.invoices import CUSTOMER, NOVEMBER, PLAN, VAT, booking, drafted, gateway


def shown(lines: list[Line]) -> list[tuple[str, int, str, str]]:
    return [(line.kind, line.quantity, str(line.unit_price), line.month) for line in lines]


def test_usage_and_what_became_known_late_are_lines_of_their_own() -> None:
    late = booking(100, day="2026-10-31")
    before = [booking(1950, period=Month("2026-10"), day="2026-10-30")]
    assert shown(drafted([booking(10), late], before)) == [
        ("usage", 10, "0.51", "2026-11"),
        ("adjustment", 50, "0.51", "2026-10"),
        ("adjustment", 50, "0.35", "2026-10"),
    ]


def test_the_days_operators_and_categories_of_an_account_are_one_line() -> None:
    assert shown(drafted([booking(1), booking(2, operator="tinde"), booking(4, day="2026-11-30")])) == [
        ("usage", 7, "0.51", "2026-11")
    ]


def test_tiers_count_by_account_or_over_all_accounts_of_a_customer() -> None:
    both = [booking(1500, account="a"), booking(1500, account="b")]
    assert shown(drafted(both)) == [("usage", 1500, "0.51", "2026-11"), ("usage", 1500, "0.51", "2026-11")]
    rows = tuple(msgspec.structs.replace(row, counted_by=CountedBy.CUSTOMER) for row in PLAN.rows)
    together = msgspec.structs.replace(PLAN, rows=rows)
    assert shown(drafted(both, plan=together)) == [
        ("usage", 1500, "0.51", "2026-11"),
        ("usage", 500, "0.51", "2026-11"),
        ("usage", 1000, "0.35", "2026-11"),
    ]


@pytest.mark.parametrize(
    ("since", "until", "lines"),
    [
        (date(2026, 10, 15), None, ["subscription 2026-12"]),
        (date(2026, 11, 15), None, ["subscription 2026-11", "subscription 2026-12", "set_up 2026-11"]),
        (date(2026, 12, 1), None, []),
        (date(2026, 10, 15), date(2026, 11, 30), []),
        (date(2026, 10, 15), date(2026, 12, 1), ["subscription 2026-12"]),
        (date(2026, 11, 15), date(2026, 11, 20), ["subscription 2026-11", "set_up 2026-11"]),
    ],
)
def test_a_subscription_is_paid_in_advance_and_set_up_once(since: date, until: date | None, lines: list[str]) -> None:
    assert [f"{line.kind} {line.month}" for line in drafted([], customer=gateway(since, until))] == lines


@given(st.integers(0, 14))
def test_over_the_months_each_month_of_a_subscription_is_paid_once(length: int) -> None:
    since, until = date(2026, 3, 17), date(2026 + (2 + length) // 12, (2 + length) % 12 + 1, 5)
    customer = gateway(since, max(until, since))
    paid = Counter(
        (line.kind, line.month)
        for months in range(24)
        for line in drafted([], customer=customer, period=moved(Month("2025-12"), months))
    )
    months = [moved(Month("2026-03"), number) for number in range(length + 1)]
    assert paid == Counter([(LineKind.SUBSCRIPTION, month) for month in months] + [(LineKind.SET_UP, months[0])])


def test_what_became_known_late_has_the_rate_of_vat_of_its_own_day() -> None:
    """The rate rises with November, in which October is adjusted and December is paid in advance."""
    rates = (*VAT, *(VatRate(date(2026, month, 1), Decimal(rate), "x") for month, rate in ((11, 26), (12, 27))))
    lines = drafted([booking(100), booking(10, day="2026-10-31")], customer=gateway(date(2026, 10, 1)), vat=rates)
    assert [(line.kind, str(line.vat_rate)) for line in lines] == [
        ("usage", "26"),
        ("adjustment", "25"),
        ("subscription", "27"),
    ]
    amounts = amounts_of(lines)
    assert amounts.vat == sum(vat_of(line.net, line.vat_rate) for line in lines)
    assert (amounts.net, amounts.total) == (sum(line.net for line in lines), amounts.net + amounts.vat)


def test_usage_from_before_the_first_rate_that_is_known_has_none() -> None:
    with pytest.raises(LookupError, match="no rate of VAT is known for 2026-10"):
        drafted([booking(1, day="2026-10-31")], vat=(VatRate(date(2026, 11, 1), Decimal(25), "x"),))


def _daily(account: str, day: str, parts: int, settled: int) -> Daily:
    total = Total(AccountId(account), Day(day), "fjord", "NO", Category.OTP, messages=parts, parts=parts)
    return Daily(total.usage_id, 1, total, ACCEPTED, settled=Settled(settled, settled))


GROWTH = st.lists(
    st.dictionaries(
        st.tuples(
            st.sampled_from(["a", "b"]), st.sampled_from(["2026-09-30", "2026-10-01", "2026-10-31", "2026-11-15"])
        ),
        st.integers(0, 3000),
    ),
    min_size=1,
    max_size=4,
)


@settings(deadline=None)
@given(GROWTH, st.sampled_from(CountedBy))
def test_what_was_used_is_what_was_invoiced_and_adjusted(
    growth: list[dict[tuple[str, str], int]], counted_by: CountedBy
) -> None:
    """Before each close more becomes known, of any day: in the end all of it is charged, at the prices of its month."""
    rows = tuple(msgspec.structs.replace(row, counted_by=counted_by) for row in PLAN.rows)
    plan = msgspec.structs.replace(PLAN, rows=rows)
    ledger: Counter[tuple[str, str]] = Counter()
    settled: Counter[tuple[str, str]] = Counter()
    books: list[Booking] = []
    lines: list[Line] = []
    for number, more in enumerate(growth):
        period = moved(NOVEMBER, number)
        ledger.update(more)
        sums = [_daily(*key, parts, settled[key]) for key, parts in sorted(ledger.items()) if parts > settled[key]]
        new = bookings_of(period, CUSTOMER.customer_id, plan, sums)
        settled.update(ledger - settled)
        lines += drafted(new, books, plan=plan, period=period)
        books += new
    used: Counter[tuple[str, str]] = Counter()
    for (account, day), parts in ledger.items():
        used[account, day[:7]] += parts
    invoiced: Counter[tuple[str, str]] = Counter()
    for line in lines:
        invoiced[str(line.account_id), line.month] += line.quantity
        assert line.net == line_total(line.quantity, line.unit_price)
    assert +invoiced == +used
    for month in {month for _, month in used}:
        at_price: Counter[Decimal] = Counter()
        for line in lines:
            if line.month == month:
                at_price[line.unit_price] += line.quantity
        counted = [used["a", month] + used["b", month]]
        if counted_by is CountedBy.ACCOUNT:
            counted = [used["a", month], used["b", month]]
        at_once: Counter[Decimal] = Counter()
        for quantity in counted:
            for band in bands(plan.row("home").tiers, Mode.GRADUATED, 0, quantity):
                at_once[band.price] += band.quantity
        assert at_price == at_once


def test_usage_of_a_year_ago_is_booked_at_the_price_of_its_day() -> None:
    (one,) = bookings_of(NOVEMBER, "nordvik", PLAN, [_daily("nordvik", "2025-11-10", 10, 4)])
    assert (one.month, one.price_row, one.parts) == ("2025-11", "home", 6)
