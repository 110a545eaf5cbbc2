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
from shared.contracts.openapi.staff import Call, part, query

_LIMIT: Final = query(
    "limit", f"Most in one answer; {USUAL} if absent.", {"type": "integer", "minimum": 1, "maximum": MOST}
)
_PAGED: Final = (_LIMIT, query("cursor", "From the answer before.", {"type": "string"}))
_PERIOD: Final = query("period", "Of this month alone.", {"type": "string", "pattern": "^20[0-9]{2}-(0[1-9]|1[0-2])$"})
_BODY: Final = ("body_too_large", "invalid_request")

CALLS: Final = (
    Call(
        method="GET",
        path="customers",
        summary="Who is invoiced, by id",
        answers={200: views.CustomersView},
        codes=("invalid_request",),
        query=_PAGED,
    ),
    Call(
        method="GET",
        path="customers/{id}",
        summary="One customer",
        answers={200: Customer},
        codes=("not_found",),
    ),
    Call(
        method="POST",
        path="customers/{id}",
        summary="Set a customer's record",
        answers={200: Customer},
        codes=("not_found", "account_taken", *_BODY),
        body=CustomerBody,
    ),
    Call(
        method="GET",
        path="periods",
        summary="Closes of months, the newest first",
        answers={200: views.PeriodsView},
        codes=("invalid_request",),
        query=_PAGED,
    ),
    Call(
        method="GET",
        path="periods/{month}",
        summary="One close, and what it came to",
        answers={200: views.PeriodView},
        codes=("not_found", "invalid_month"),
    ),
    Call(
        method="POST",
        path="periods/{month}/close",
        summary="Close a month: 202 when it is asked for, 200 when it is closed",
        answers={200: views.PeriodView, 202: views.PeriodView},
        codes=(
            "account_without_customer",
            "period_not_over",
            "period_not_begun",
            "earlier_period_open",
            "invalid_month",
            *_BODY,
        ),
        body=CloseBody,
    ),
    Call(
        method="GET",
        path="invoices",
        summary="Invoices, by number",
        answers={200: views.InvoicesView},
        codes=("invalid_month", "invalid_request"),
        query=(_PERIOD, *_PAGED),
    ),
    Call(
        method="GET",
        path="invoices/{number}",
        summary="One invoice",
        answers={200: views.InvoiceView},
        codes=("not_found", "invalid_request"),
    ),
    Call(
        method="GET",
        path="invoices/{number}/ehf",
        summary="Its EHF document, as it was issued",
        answers={200: None},
        codes=("not_found", "invalid_request"),
    ),
    Call(
        method="GET",
        path="waiting",
        summary="Usage of closed months that no close has taken",
        answers={200: views.WaitingsView},
        codes=("invalid_request",),
        query=_PAGED,
    ),
    Call(
        method="POST",
        path="waiting/{account}/{month}/write-off",
        summary="Never charge what waits of a month of an account",
        answers={200: Settled},
        codes=("nothing_waits", "invalid_month", *_BODY),
        body=WriteOffBody,
    ),
    Call(
        method="GET",
        path="audit",
        summary="What finance ordered, the newest first",
        answers={200: views.AuditView},
        codes=("invalid_request",),
        query=_PAGED,
    ),
    Call(
        method="GET",
        path="premium/transactions",
        summary="Charges and reversals of all accounts, the newest first",
        answers={200: TransactionsView},
        codes=("invalid_request",),
        query=(
            *_PAGED,
            query("account", "Of this account alone.", {"type": "string"}),
            query("standing", "One or more, with commas.", {"type": "string"}),
        ),
    ),
    Call(
        method="GET",
        path="premium/transactions/{id}",
        summary="One, and what is booked of it",
        answers={200: BookedView},
        codes=("not_found",),
    ),
    Call(
        method="GET",
        path="premium/months/{month}",
        summary="Statements, settlement and payouts of a month",
        answers={200: MonthView},
        codes=("month_not_closed", "invalid_month"),
    ),
    Call(
        method="POST",
        path="premium/months/{month}/close",
        summary="Close a premium month and state it",
        answers={200: MonthView},
        codes=("month_not_over", "earlier_month_open", "invalid_month"),
    ),
    Call(
        method="POST",
        path="premium/months/{month}/receive",
        summary="Book what Strex paid for a month, and pay out",
        answers={200: MonthView},
        codes=(
            "month_not_closed",
            "earlier_settlement_missing",
            "already_received",
            "invalid_month",
            "invalid_day",
            *_BODY,
        ),
        body=Received,
    ),
    Call(
        method="GET",
        path="premium/days/{day}",
        summary="The latest comparison of a day",
        answers={200: Reconciled},
        codes=("not_found", "invalid_request"),
    ),
    Call(
        method="POST",
        path="premium/days/{day}/reconcile",
        summary="Compare a day with Strex's file",
        answers={200: Reconciled},
        codes=("no_daily_file", "day_not_over", "bad_daily_file", "invalid_request"),
    ),
)


def staff_part() -> Json:
    """The part."""
    return part("books", CALLS, {**PREMIUM_KINDS, **KINDS})
