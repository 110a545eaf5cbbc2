"""What the API shows of the books. Amounts are whole øre, unit prices crowns as text."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import msgspec

from services.billing.invoicing.audit import AuditEntry
from services.billing.invoicing.closing import Closing, ClosingState, Figures
from services.billing.invoicing.document import Invoice
from services.billing.invoicing.ehf import plain
from services.billing.invoicing.parties import Customer
from services.billing.invoicing.store import Issued
from services.billing.usage.store import Total
from services.billing.usage.sums import Waiting
from shared.contracts.billing import LineKind
from shared.contracts.words import Category
from shared.ids import AccountId
from shared.money.amounts import CURRENCY, Ore
from shared.money.periods import Day, Month


class UsageDay(msgspec.Struct, frozen=True):
    """What an account used on one day, in one country and category."""

    day: Day
    operator: str
    country: str
    category: Category
    messages: int
    parts: int


class UsageView(msgspec.Struct, frozen=True):
    """A month of an account, by the time at which messages were accepted; `parts` is what is charged."""

    month: Month
    messages: int
    parts: int
    days: tuple[UsageDay, ...]


class LineView(msgspec.Struct, frozen=True):
    """One line of an invoice."""

    line: int
    kind: LineKind
    text: str
    quantity: int
    unit_price: str
    net: Ore
    month: Month
    account: AccountId | None


class InvoiceView(msgspec.Struct, frozen=True):
    """An invoice. The document itself is at `…/ehf`."""

    number: int
    customer: str
    period: Month
    issued_on: date
    due_on: date
    net: Ore
    vat: Ore
    total: Ore
    currency: str
    kid: str
    lines: tuple[LineView, ...]
    document_sha256: str


class InvoicesView(msgspec.Struct, frozen=True):
    """Invoices, newest first. `cursor` leads to the next page; null on the last."""

    invoices: Sequence[InvoiceView]
    cursor: str | None


class PeriodView(msgspec.Struct, frozen=True):
    """A month's close, and what it came to."""

    period: Month
    state: ClosingState
    early: bool
    requested_at: datetime
    requested_by: str
    faults: tuple[str, ...]
    figures: Figures | None


class WaitingView(msgspec.Struct, frozen=True):
    """Usage of a closed month of an account that no close has taken: the next takes it if somebody pays for it."""

    account: AccountId
    month: Month
    messages: int
    parts: int
    customer: str | None


class CustomersView(msgspec.Struct, frozen=True):
    """A page of customers."""

    customers: Sequence[Customer]
    cursor: str | None


class PeriodsView(msgspec.Struct, frozen=True):
    """A page of closes."""

    periods: Sequence[PeriodView]
    cursor: str | None


class WaitingsView(msgspec.Struct, frozen=True):
    """A page of what waits."""

    waiting: Sequence[WaitingView]
    cursor: str | None


class AuditView(msgspec.Struct, frozen=True):
    """A page of what finance ordered."""

    entries: Sequence[AuditEntry]
    cursor: str | None


def waiting(found: Waiting, customer: str | None) -> WaitingView:
    """What waits of a month of an account."""
    return WaitingView(found.account_id, found.month, found.messages, found.parts, customer)


def usage(month: Month, totals: Sequence[Total]) -> UsageView:
    """A month."""
    days = tuple(UsageDay(one.day, one.operator, one.country, one.category, one.messages, one.parts) for one in totals)
    return UsageView(month, sum(one.messages for one in days), sum(one.parts for one in days), days)


def invoice(issued: Issued) -> InvoiceView:
    """An invoice."""
    shown: Invoice = issued.invoice
    lines = tuple(
        LineView(
            number,
            line.kind,
            line.text,
            line.quantity,
            plain(line.unit_price),
            line.net,
            line.month,
            line.account_id,
        )
        for number, line in enumerate(shown.lines, 1)
    )
    return InvoiceView(
        number=shown.number,
        customer=issued.customer_id,
        period=shown.period,
        issued_on=shown.issued_on,
        due_on=shown.due_on,
        net=shown.amounts.net,
        vat=shown.amounts.vat,
        total=shown.amounts.total,
        currency=CURRENCY,
        kid=shown.kid,
        lines=lines,
        document_sha256=issued.sha256,
    )


def period(closing: Closing) -> PeriodView:
    """A close."""
    return PeriodView(
        closing.period,
        closing.state,
        closing.early,
        closing.requested_at,
        closing.requested_by,
        closing.faults,
        closing.figures,
    )
