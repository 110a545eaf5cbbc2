"""The month so far, closed before its end, and the invoice of the demo account as EHF."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Any

from deploy.local.terminal import Style, Terminal
from deploy.local.tour.gateway import Gateway, until
from shared.money.amounts import crowns, two_decimals
from shared.money.periods import Month, first_day, month_of, moved

_SECONDS = 60.0
_BOOKS = "/admin/books"


def show(gateway: Gateway, terminal: Terminal) -> None:
    """Close the current month, and show the invoice line by line. A month is closed once: from then on it is shown."""
    month = month_of(datetime.now(UTC))
    until(partial(_used, gateway, month), _SECONDS, "the first usage of the month")
    new = _close(gateway, month)
    closed = until(partial(_closed, gateway, month), _SECONDS, f"the close of {month}")
    later = "" if new else "; closed before, and what came since is on the next invoice"
    terminal.done("closed", f"{month}: {closed['messages']} messages, {closed['parts']} parts{later}")
    for invoice in gateway.staff("GET", f"{_BOOKS}/invoices?period={month}")["invoices"]:
        terminal.done(f"invoice {invoice['number']}", f"due {invoice['due_on']}, KID {invoice['kid']}")
        for line in invoice["lines"]:
            amount = f"{line['quantity']:>6} × {two_decimals(line['unit_price']):>7} {crowns(line['net']):>11}"
            terminal.line(f"      {line['text']:<52} {amount}")
        terminal.line(f"      {'merverdiavgift':<69} {crowns(invoice['vat']):>11}")
        terminal.line(f"      {'to pay':<69} {crowns(invoice['total']):>11}")
        ehf = f"bin/budstikke billing document {invoice['number']}"
        terminal.line(f"      {terminal.paint(f'the EHF document: {ehf}', Style.DIM)}")


def _close(gateway: Gateway, month: Month) -> bool:
    """Close what is open up to this month, one after the other; the usage of other accounts waits for a customer.

    False if the month was closed before.
    """
    periods = gateway.staff("GET", f"{_BOOKS}/periods")["periods"]
    closed = [Month(one["period"]) for one in periods if one["state"] != "refused"]
    if month in closed:
        return False
    customers = gateway.staff("GET", f"{_BOOKS}/customers")["customers"]
    if not any("demo" in customer["accounts"] for customer in customers):
        gateway.staff("POST", f"{_BOOKS}/customers/demo", _customer(month))
    accounts = [account["id"] for account in gateway.staff("GET", "/admin/accounts?limit=100")["accounts"]]
    period = moved(max(closed), 1) if closed else month
    while period <= month:
        order = {"early": period == month, "leave": [account for account in accounts if account != "demo"]}
        gateway.staff("POST", f"{_BOOKS}/periods/{period}/close", order)
        until(partial(_closed, gateway, period), _SECONDS, f"the close of {period}")
        period = moved(period, 1)
    return True


def _customer(month: Month) -> dict[str, object]:
    return {
        "name": "Demokunden AS",
        "organisation_number": "310000019",
        "address": {"street": "Eksempelgata 2", "postal_code": "0151", "city": "Oslo"},
        "plan": "standard",
        "accounts": ["demo"],
        "subscriptions": [{"code": "gateway", "since": first_day(month).isoformat()}],
    }


def _used(gateway: Gateway, month: Month) -> Any:
    return gateway.customer("GET", f"/v1/usage?month={month}")["days"] or None


def _closed(gateway: Gateway, month: Month) -> Any:
    period = gateway.staff("GET", f"{_BOOKS}/periods/{month}")
    return period["figures"] if period["state"] == "closed" else None
