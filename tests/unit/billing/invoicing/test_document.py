"""What would be wrong for ever is refused before an invoice is issued."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import msgspec
import pytest

from services.billing.invoicing.document import Invoice, faults_of
from services.billing.invoicing.drafting import Amounts, Line
from shared.errors import Fatal
from shared.money.amounts import Ore
from tests.unit.billing.invoices import CUSTOMER, SELLER, booking, drafted, invoice

GOOD = invoice(drafted([booking(3000)]))
BAD_NUMBER = "991825828"


def with_line(**changes: object) -> Callable[[Invoice], Invoice]:
    """Its first line changed, and the sums as they are."""

    def change(one: Invoice) -> Invoice:
        lines: tuple[Line, ...] = (msgspec.structs.replace(one.lines[0], **changes), *one.lines[1:])
        return msgspec.structs.replace(one, lines=lines)

    return change


def having(**changes: object) -> Callable[[Invoice], Invoice]:
    return lambda one: msgspec.structs.replace(one, **changes)


def test_a_sound_invoice_has_no_fault() -> None:
    assert list(faults_of(GOOD)) == []


@pytest.mark.parametrize(
    ("agreed", "due"), [(None, date(2026, 12, 11)), (0, date(2026, 12, 1)), (60, date(2027, 1, 30))]
)
def test_payment_is_due_ten_calendar_days_after_the_date_or_as_agreed(agreed: int | None, due: date) -> None:
    assert invoice(GOOD.lines, customer=msgspec.structs.replace(CUSTOMER, payment_days=agreed)).due_on == due


@pytest.mark.parametrize(
    ("change", "faults"),
    [
        (
            having(seller=msgspec.structs.replace(SELLER, organisation_number=BAD_NUMBER)),
            ["the seller has no valid organisation number, and so no VAT number"],
        ),
        (
            having(customer=msgspec.structs.replace(CUSTOMER, organisation_number=BAD_NUMBER)),
            ["the customer has no valid organisation number"],
        ),
        (
            having(seller=msgspec.structs.replace(SELLER, bank_account="86011117948")),
            ["the bank account is not valid"],
        ),
        (having(due_on=date(2026, 11, 30)), ["it is due before it is issued"]),
        (having(kid="000001000015"), ["the check digit of the KID is wrong"]),
        (having(lines=(), amounts=Amounts(Ore(0), Ore(0), Ore(0))), ["it has no line"]),
        (
            with_line(net=Ore(102001)),
            ["a line is not its quantity times its price", "its sums are not those of its lines"],
        ),
        (
            with_line(unit_price=Decimal("-0.51"), net=Ore(-102000)),
            ["a line has a price below zero or no quantity", "its sums are not those of its lines"],
        ),
        (
            with_line(quantity=0, net=Ore(0)),
            ["a line has a price below zero or no quantity", "its sums are not those of its lines"],
        ),
        (having(amounts=Amounts(Ore(137000), Ore(34250), Ore(171251))), ["its sums are not those of its lines"]),
    ],
)
def test_what_is_unsound_is_named(change: Callable[[Invoice], Invoice], faults: list[str]) -> None:
    assert list(faults_of(change(GOOD))) == faults


def test_an_unsound_invoice_is_not_made() -> None:
    with pytest.raises(Fatal, match="invoice 100001: it has no line"):
        invoice([])
    with pytest.raises(Fatal, match="no room"):
        invoice(GOOD.lines, number=10**11)
