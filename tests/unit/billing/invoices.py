"""Builders of customers, bookings and invoices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import msgspec

from services.billing.invoicing.booking import Booking
from services.billing.invoicing.document import Invoice, invoice_of
from services.billing.invoicing.drafting import Line, Place, lines_of
from services.billing.invoicing.parties import EXAMPLE as SELLER_FILE
from services.billing.invoicing.parties import Address, Customer, Subscribed, read_seller
from services.billing.pricing.book import PriceBook, VatRate
from services.billing.pricing.plans import Plan, PriceRow, Subscription
from services.billing.pricing.tiers import Tier
from shared.contracts.words import Category
from shared.ids import AccountId
from shared.money.periods import Day, Month

NOVEMBER = Month("2026-11")
SELLER = read_seller(SELLER_FILE)
CUSTOMER = Customer(
    customer_id="nordvik",
    name="Nordvik kommune",
    organisation_number="984066910",
    address=Address(street="Rådhusgata 1", postal_code="9008", city="Tromsø"),
    plan="example",
    accounts=(AccountId("nordvik"),),
)
PLAN = Plan(
    plan_id="example",
    rows=(
        PriceRow(
            row_id="home",
            text="SMS, Norge",
            country="NO",
            valid_from=date(2026, 1, 1),
            tiers=(Tier(price=Decimal("0.51"), up_to=2000), Tier(price=Decimal("0.35"))),
        ),
        PriceRow(
            row_id="abroad", text="SMS, utlandet", valid_from=date(2026, 1, 1), tiers=(Tier(price=Decimal("0.4275")),)
        ),
    ),
    subscriptions=(
        Subscription(
            code="gateway",
            text="Gateway API",
            valid_from=date(2026, 1, 1),
            monthly=Decimal(369),
            set_up=Decimal(250),
        ),
    ),
)


VAT = (VatRate(date(2005, 1, 1), Decimal(25), "example"),)


def gateway(since: date, until: date | None = None) -> Customer:
    """The customer, with a subscription."""
    return msgspec.structs.replace(CUSTOMER, subscriptions=(Subscribed("gateway", since, until),))


def booking(
    parts: int,
    *,
    period: Month = NOVEMBER,
    day: str = "2026-11-10",
    account: str = "nordvik",
    row: str = "home",
    operator: str = "fjord",
) -> Booking:
    usage_id = f"{account}:{day}:{operator}:NO:otp"
    return Booking(
        booking_id=f"{period}:{usage_id}",
        period=period,
        customer_id="nordvik",
        usage_id=usage_id,
        account_id=AccountId(account),
        day=Day(day),
        operator=operator,
        country="NO",
        category=Category.OTP,
        price_row=row,
        messages=parts,
        parts=parts,
    )


def places(bookings: Sequence[Booking]) -> Counter[Place]:
    """How many parts bookings hold at each place, as the database adds them up."""
    found: Counter[Place] = Counter()
    for one in bookings:
        found[Place(one.month, one.price_row, one.account_id)] += one.parts
    return found


def drafted(
    now: Sequence[Booking],
    before: Sequence[Booking] = (),
    *,
    customer: Customer = CUSTOMER,
    plan: Plan = PLAN,
    period: Month = NOVEMBER,
    vat: tuple[VatRate, ...] = VAT,
) -> list[Line]:
    return lines_of(period, customer, PriceBook((plan,), vat), places(now), places(before))


def invoice(lines: Sequence[Line], *, customer: Customer = CUSTOMER, number: int = 100001) -> Invoice:
    return invoice_of(
        number=number,
        period=NOVEMBER,
        issued_on=date(2026, 12, 1),
        seller=SELLER,
        customer=customer,
        lines=lines,
    )
