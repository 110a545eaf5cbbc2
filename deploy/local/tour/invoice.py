"""The month so far, closed before its end, and the invoice of the demo account as EHF."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from deploy.local.terminal import Style, Terminal
from deploy.local.tour.gateway import Gateway, until

_SECONDS = 60.0
_BOOKS = "/admin/books"


def show(gateway: Gateway, terminal: Terminal) -> None:
    """Close the current month, and show the invoice line by line. A month is closed once: from then on it is shown."""
    today = datetime.now(UTC).astimezone(ZoneInfo("Europe/Oslo")).date()
    month = f"{today:%Y-%m}"
    until(lambda: _used(gateway, month), _SECONDS, "the first usage of the month")
    if not gateway.staff("GET", f"{_BOOKS}/customers")["customers"]:
        gateway.staff("POST", f"{_BOOKS}/customers/demo", _customer(today))
    gateway.staff("POST", f"{_BOOKS}/periods/{month}/close", {"early": True})
    closed = until(lambda: _closed(gateway, month), _SECONDS, f"the close of {month}")
    terminal.done("closed", f"{month}: {closed['messages']} messages, {closed['parts']} parts")
    for invoice in gateway.staff("GET", f"{_BOOKS}/invoices?period={month}")["invoices"]:
        terminal.done(f"invoice {invoice['number']}", f"due {invoice['due_on']}, KID {invoice['kid']}")
        for line in invoice["lines"]:
            terminal.line(
                f"      {line['text']:<52} {line['quantity']:>6} × {line['unit_price']:>7} {_crowns(line['net'])}"
            )
        terminal.line(f"      {'merverdiavgift':<69} {_crowns(invoice['vat'])}")
        terminal.line(f"      {'to pay':<69} {_crowns(invoice['total'])}")
        ehf = f"bin/budstikke billing document {invoice['number']}"
        terminal.line(f"      {terminal.paint(f'the EHF document: {ehf}', Style.DIM)}")


def _customer(today: date) -> dict[str, object]:
    return {
        "name": "Demokunden AS",
        "organisation_number": "310000019",
        "address": {"street": "Eksempelgata 2", "postal_code": "0151", "city": "Oslo"},
        "plan": "standard",
        "accounts": ["demo"],
        "subscriptions": [{"code": "gateway", "since": f"{today:%Y-%m}-01"}],
    }


def _used(gateway: Gateway, month: str) -> Any:
    return gateway.customer("GET", f"/v1/usage?month={month}")["days"] or None


def _closed(gateway: Gateway, month: str) -> Any:
    period = gateway.staff("GET", f"{_BOOKS}/periods/{month}")
    return period["figures"] if period["state"] == "closed" else None


def _crowns(ore: int) -> str:
    return f"{ore // 100:>8},{ore % 100:02}"
