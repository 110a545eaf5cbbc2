"""What people see of customers, months and invoices: aligned columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cli.invoices import Customer, Invoice, Period, Waits
from cli.money import crowns
from cli.output import aligned, clean
from shared.money.amounts import two_decimals


def periods(found: Sequence[Period]) -> Iterator[str]:
    """One line per month, under a heading, and below it why it was refused."""
    rows = [("MONTH", "STATE", "MESSAGES", "PARTS", "INVOICES", "NET", "VAT", "TOTAL")]
    for one in found:
        figures = one.figures
        cells: tuple[str, ...] = ("-",) * 6
        if figures is not None:
            counts = (str(count) for count in (figures.messages, figures.parts, figures.invoices))
            cells = (*counts, *map(crowns, (figures.net, figures.vat, figures.total)))
        rows.append((clean(one.period), clean(one.state), *cells))  # type: ignore[arg-type]
    yield from aligned(rows)
    for one in found:
        yield from (f"{clean(one.period)}: {clean(fault)}" for fault in one.faults)


def customers(found: Sequence[Customer]) -> Iterator[str]:
    """One line per customer, under a heading."""
    rows = [("ID", "NAME", "ORGANISATION", "PLAN", "ACCOUNTS")]
    rows += [
        (
            clean(one.customer_id),
            clean(one.name),
            clean(one.organisation_number),
            clean(one.plan),
            clean(", ".join(one.accounts)),
        )
        for one in found
    ]
    yield from aligned(rows)


def waiting(found: Sequence[Waits]) -> Iterator[str]:
    """One line per account and month, under a heading."""
    rows = [("ACCOUNT", "MONTH", "MESSAGES", "PARTS", "CUSTOMER")]
    rows += [
        (clean(one.account), clean(one.month), str(one.messages), str(one.parts), clean(one.customer)) for one in found
    ]
    yield from aligned(rows)


def invoices(found: Sequence[Invoice]) -> Iterator[str]:
    """One line per invoice, under a heading."""
    rows = [("NUMBER", "CUSTOMER", "MONTH", "ISSUED", "DUE", "NET", "VAT", "TOTAL", "KID")]
    rows += [
        (
            str(one.number),
            clean(one.customer),
            clean(one.period),
            clean(one.issued_on),
            clean(one.due_on),
            crowns(one.net),
            crowns(one.vat),
            crowns(one.total),
            clean(one.kid),
        )
        for one in found
    ]
    yield from aligned(rows)


def invoice(one: Invoice) -> Iterator[str]:
    """An invoice with its lines."""
    yield from invoices([one])
    rows = [("  LINE", "TEXT", "QUANTITY", "PRICE", "NET")]
    rows += [
        (f"  {line.line}", clean(line.text), str(line.quantity), clean(two_decimals(line.unit_price)), crowns(line.net))
        for line in one.lines
    ]
    yield from aligned(rows)
