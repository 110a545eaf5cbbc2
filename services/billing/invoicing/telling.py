"""What finance is told of closed months and write-offs; made from the books alone: told again it is the same."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from services.billing.invoicing.booking import Booking
from services.billing.invoicing.closing import Closing, Figures
from services.billing.invoicing.document import SAFT_VAT_CODE
from services.billing.invoicing.drafting import Line
from services.billing.invoicing.ehf import plain
from services.billing.invoicing.store import Issued
from services.billing.invoicing.write_off import WriteOff
from shared.contracts import topics
from shared.contracts.billing import InvoicedLine, InvoiceIssued, PeriodClosed, UsageBooked, UsageWrittenOff
from shared.contracts.codec import Writer
from shared.contracts.events import Event
from shared.kafka.record import Output
from shared.money.amounts import CURRENCY

SOURCE: Final = "/budstikke/billing/invoicing"


class Teller:
    """Writes the events of the role. Each topic has one partition, so that their order is one."""

    def __init__(self) -> None:
        self._write = Writer(SOURCE).output

    def booking(self, closing: Closing, one: Booking) -> Output:
        """A booking."""
        event = UsageBooked(
            booking_id=one.booking_id,
            period=one.period,
            customer_id=one.customer_id,
            usage_id=one.usage_id,
            account_id=one.account_id,
            day=one.day,
            operator=one.operator,
            country=one.country,
            category=one.category,
            price_row=one.price_row,
            messages=one.messages,
            parts=one.parts,
        )
        return self._output(topics.USAGE, event, one.booking_id, closing.agreed().at)

    def write_off(self, one: WriteOff) -> Output:
        """A write-off."""
        event = UsageWrittenOff(
            write_off_id=one.write_off_id,
            usage_id=one.usage_id,
            account_id=one.account_id,
            day=one.day,
            operator=one.operator,
            country=one.country,
            category=one.category,
            messages=one.messages,
            parts=one.parts,
        )
        return self._output(topics.USAGE, event, one.write_off_id, one.at)

    def invoice(self, closing: Closing, issued: Issued) -> Output:
        """An invoice."""
        invoice = issued.invoice
        event = InvoiceIssued(
            number=invoice.number,
            customer_id=issued.customer_id,
            organisation_number=invoice.customer.organisation_number,
            period=invoice.period,
            issued_on=invoice.issued_on.isoformat(),
            due_on=invoice.due_on.isoformat(),
            lines=tuple(_line(number, line) for number, line in enumerate(invoice.lines, 1)),
            net=invoice.amounts.net,
            vat=invoice.amounts.vat,
            total=invoice.amounts.total,
            vat_code=SAFT_VAT_CODE,
            kid=invoice.kid,
            document_sha256=issued.sha256,
            currency=CURRENCY,
        )
        return self._output(topics.INVOICES, event, str(invoice.number), closing.agreed().at)

    def closed(self, closing: Closing, figures: Figures) -> Output:
        """The end of a month."""
        event = PeriodClosed(
            period=closing.period,
            closed_at=closing.agreed().at,
            bookings=figures.bookings,
            messages=figures.messages,
            parts=figures.parts,
            invoices=figures.invoices,
            net=figures.net,
            vat=figures.vat,
            total=figures.total,
            currency=CURRENCY,
        )
        return self._output(topics.INVOICES, event, closing.period, closing.agreed().at)

    def _output(self, topic: str, event: Event, document_id: str, at: datetime) -> Output:
        return self._write(topic, 0, event, event_id=document_id, time=at, subject=document_id)


def _line(number: int, line: Line) -> InvoicedLine:
    return InvoicedLine(
        line=number,
        kind=line.kind,
        text=line.text,
        quantity=line.quantity,
        unit_price=plain(line.unit_price),
        net=line.net,
        month=line.month,
        vat_rate=plain(line.vat_rate),
        account_id=line.account_id,
        price_row=line.price_row,
    )
