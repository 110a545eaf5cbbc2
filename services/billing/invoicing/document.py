"""An invoice with everything that stands on it, and what must hold of it before it is issued."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Final

import msgspec
from stdnum.no import kontonr, orgnr

from services.billing.invoicing.drafting import Amounts, Line, amounts_of
from services.billing.invoicing.kid import is_kid, kid_of
from services.billing.invoicing.parties import Customer, Seller
from shared.errors import Fatal
from shared.money.amounts import line_total
from shared.money.periods import Month

SAFT_VAT_CODE: Final = "3"
"""SAF-T: outgoing VAT, ordinary rate."""


class Invoice(msgspec.Struct, frozen=True, kw_only=True):
    """All of it: from this alone the document is made, so that it is made the same at any time."""

    number: int
    period: Month
    issued_on: date
    due_on: date
    seller: Seller
    customer: Customer
    lines: tuple[Line, ...]
    amounts: Amounts
    kid: str

    @property
    def reference(self) -> str:
        """What the buyer recognises it by: its own reference, else its name (PEPPOL-EN16931-R003)."""
        return self.customer.reference or self.customer.name


def invoice_of(
    *,
    number: int,
    period: Month,
    issued_on: date,
    seller: Seller,
    customer: Customer,
    lines: Sequence[Line],
) -> Invoice:
    """An invoice of these lines, checked. Payment is due `payment_days` calendar days after its date (R-42).

    Raises `Fatal` (`unsound_invoice`) naming what does not hold: to issue it would be wrong for ever.
    """
    try:
        kid = kid_of(number, seller.kid_digits)
    except ValueError:
        raise Fatal("unsound_invoice", f"invoice {number}: kid_digits of the seller has no room for it") from None
    days = seller.payment_days if customer.payment_days is None else customer.payment_days
    invoice = Invoice(
        number=number,
        period=period,
        issued_on=issued_on,
        due_on=issued_on + timedelta(days=days),
        seller=seller,
        customer=customer,
        lines=tuple(lines),
        amounts=amounts_of(lines),
        kid=kid,
    )
    if found := list(faults_of(invoice)):
        raise Fatal("unsound_invoice", f"invoice {number}: {'; '.join(found)}")
    return invoice


def faults_of(invoice: Invoice) -> Iterator[str]:
    """What no validator of the format finds (measured), and what would make the books wrong."""
    seller, customer, amounts = invoice.seller, invoice.customer, invoice.amounts
    if not orgnr.is_valid(seller.organisation_number):
        yield "the seller has no valid organisation number, and so no VAT number"
    if not orgnr.is_valid(customer.organisation_number):
        yield "the customer has no valid organisation number"
    if not kontonr.is_valid(seller.bank_account):
        yield "the bank account is not valid"
    if invoice.due_on < invoice.issued_on:
        yield "it is due before it is issued"
    if not is_kid(invoice.kid):
        yield "the check digit of the KID is wrong"
    if not invoice.lines:
        yield "it has no line"
    if any(line.net != line_total(line.quantity, line.unit_price) for line in invoice.lines):
        yield "a line is not its quantity times its price"
    if any(line.unit_price < 0 or line.quantity < 1 for line in invoice.lines):
        yield "a line has a price below zero or no quantity"
    if amounts != amounts_of(invoice.lines):
        yield "its sums are not those of its lines"
