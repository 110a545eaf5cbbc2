"""The part of `/admin`'s document that is this service's: finance's reads and commands."""

from __future__ import annotations

from typing import Final

from services.billing.api import views
from services.billing.api.finance import CloseBody, CustomerBody, WriteOffBody
from services.billing.api.paging import MOST, USUAL
from services.billing.api.problems import KINDS
from services.billing.invoicing.parties import Customer
from services.billing.premium.api.asking import Received
from services.billing.premium.api.problems import KINDS as PREMIUM_KINDS
from services.billing.premium.api.reconciliation import Reconciled
from services.billing.premium.api.views import BookedView, MonthView, TransactionsView
from services.billing.usage.sums import Settled
from shared.contracts.openapi.pieces import Json
from shared.contracts.openapi.staff import get, part, post, query

_LIMIT: Final = query(
    "limit", f"Most in one answer; {USUAL} if absent.", {"type": "integer", "minimum": 1, "maximum": MOST}
)
_PAGED: Final = (_LIMIT, query("cursor", "From the answer before.", {"type": "string"}))
_PERIOD: Final = query("period", "Of this month alone.", {"type": "string", "pattern": "^20[0-9]{2}-(0[1-9]|1[0-2])$"})
_OF_MONTH: Final = (_PERIOD, *_PAGED)
_OF_PREMIUM: Final = (
    *_PAGED,
    query("account", "Of this account alone.", {"type": "string"}),
    query("standing", "One or more, with commas.", {"type": "string"}),
)
_BODY: Final = ("body_too_large", "invalid_request")
_TO_CLOSE: Final = ("account_without_customer", "period_not_over", "period_not_begun", "earlier_period_open")
_TO_RECEIVE: Final = (
    "month_not_closed",
    "earlier_settlement_missing",
    "already_received",
    "invalid_month",
    "invalid_day",
)

CALLS: Final = (
    get("customers", "Who is invoiced, by id", views.CustomersView, "invalid_request", query=_PAGED),
    get("customers/{id}", "One customer", Customer, "not_found"),
    post(
        "customers/{id}", "Set a customer's record", Customer, "not_found", "account_taken", *_BODY, body=CustomerBody
    ),
    get("periods", "Closes of months, the newest first", views.PeriodsView, "invalid_request", query=_PAGED),
    get("periods/{month}", "One close, and what it came to", views.PeriodView, "not_found", "invalid_month"),
    post(
        "periods/{month}/close",
        "Close a month: 202 when it is asked for, 200 when it is closed",
        views.PeriodView,
        *_TO_CLOSE,
        "invalid_month",
        *_BODY,
        body=CloseBody,
        statuses=(200, 202),
    ),
    get("invoices", "Invoices, by number", views.InvoicesView, "invalid_month", "invalid_request", query=_OF_MONTH),
    get("invoices/{number}", "One invoice", views.InvoiceView, "not_found", "invalid_request"),
    get("invoices/{number}/ehf", "Its EHF document, as it was issued", None, "not_found", "invalid_request"),
    get(
        "waiting", "Usage of closed months that no close has taken", views.WaitingsView, "invalid_request", query=_PAGED
    ),
    post(
        "waiting/{account}/{month}/write-off",
        "Never charge what waits of a month of an account",
        Settled,
        "nothing_waits",
        "invalid_month",
        *_BODY,
        body=WriteOffBody,
    ),
    get("audit", "What finance ordered, the newest first", views.AuditView, "invalid_request", query=_PAGED),
    get(
        "premium/transactions",
        "Charges and reversals of all accounts, the newest first",
        TransactionsView,
        "invalid_request",
        query=_OF_PREMIUM,
    ),
    get("premium/transactions/{id}", "One, and what is booked of it", BookedView, "not_found"),
    get(
        "premium/months/{month}",
        "Statements, settlement and payouts of a month",
        MonthView,
        "month_not_closed",
        "invalid_month",
    ),
    post(
        "premium/months/{month}/close",
        "Close a premium month and state it",
        MonthView,
        "month_not_over",
        "earlier_month_open",
        "invalid_month",
    ),
    post(
        "premium/months/{month}/receive",
        "Book what Strex paid for a month, and pay out",
        MonthView,
        *_TO_RECEIVE,
        *_BODY,
        body=Received,
    ),
    get("premium/days/{day}", "The latest comparison of a day", Reconciled, "not_found", "invalid_request"),
    post(
        "premium/days/{day}/reconcile",
        "Compare a day with Strex's file",
        Reconciled,
        "no_daily_file",
        "day_not_over",
        "bad_daily_file",
        "invalid_request",
    ),
)


def staff_part() -> Json:
    """The part."""
    return part("books", CALLS, {**PREMIUM_KINDS, **KINDS})
