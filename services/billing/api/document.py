"""The part of the public document that is this service's: what an account may read of its books."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from services.billing.api.paging import MOST, USUAL
from services.billing.api.problems import READS
from services.billing.api.views import InvoicesView, InvoiceView, LineView, UsageDay, UsageView
from services.billing.premium.api import document as premium
from shared.contracts.billing import LineKind
from shared.contracts.openapi.pieces import Json, given, parameter, refused, schemas
from shared.contracts.words import Category
from shared.ids import AccountId
from shared.money.amounts import CURRENCY, Ore
from shared.money.periods import Day, Month

_MONTH: Final = Month("2026-10")
_USAGE: Final = UsageView(
    _MONTH, 1200, 1234, (UsageDay(Day("2026-10-12"), "fjord", "NO", Category.TRANSACTIONAL, 1200, 1234),)
)
_INVOICE: Final = InvoiceView(
    number=100001,
    customer="nordvik",
    period=_MONTH,
    issued_on=date(2026, 11, 1),
    due_on=date(2026, 11, 11),
    net=Ore(62934),
    vat=Ore(15734),
    total=Ore(78668),
    currency=CURRENCY,
    kid="000001000017",
    lines=(
        LineView(
            1,
            LineKind.USAGE,
            "SMS, Norge, oktober 2026, konto demo",
            1234,
            "0.51",
            Ore(62934),
            _MONTH,
            AccountId("demo"),
        ),
    ),
    document_sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
)
_DOCUMENT: Final = "<?xml version='1.0' encoding='UTF-8'?>\n<Invoice>…</Invoice>\n"
_MONTH_ASKED: Final = parameter(
    "month",
    "query",
    "The current one if absent; by the clock in Norway.",
    {"type": "string", "pattern": r"^20[0-9]{2}-(0[1-9]|1[0-2])$"},
)
_LIMIT: Final = parameter(
    "limit", "query", f"Most in one answer; {USUAL} if absent.", {"type": "integer", "minimum": 1, "maximum": MOST}
)
_CURSOR: Final = parameter("cursor", "query", "From the answer before.", {"type": "string"})
_NUMBER: Final = parameter(
    "number", "path", "Of an invoice.", {"type": "integer", "minimum": 1, "maximum": 999_999_999_999}
)


def part() -> Json:
    """The part. What the front door itself may refuse a call with, it adds."""
    return {
        "paths": {
            "/v1/usage": {
                "get": _call(
                    "readUsage",
                    "What the account used in a month",
                    {"200": given("By day, operator, country and category.", UsageView, _USAGE)},
                    ("invalid_month", "invalid_request"),
                    "`parts` is what is charged: the parts that an operator took, on the day of their acceptance.",
                    [_MONTH_ASKED],
                )
            },
            "/v1/invoices": {
                "get": _call(
                    "listInvoices",
                    "The invoices of the account's customer",
                    {"200": given("The newest first.", InvoicesView, InvoicesView((_INVOICE,), None))},
                    ("invalid_request",),
                    "Amounts are whole øre, unit prices crowns as text.",
                    [_LIMIT, _CURSOR],
                )
            },
            "/v1/invoices/{number}": {
                "get": _call(
                    "readInvoice",
                    "Read an invoice",
                    {"200": given("The invoice with its lines.", InvoiceView, _INVOICE)},
                    ("not_found", "invalid_request"),
                    parameters=[_NUMBER],
                )
            },
            "/v1/invoices/{number}/ehf": {
                "get": _call(
                    "readInvoiceDocument",
                    "The EHF document of an invoice, as it was issued",
                    {
                        "200": {
                            "description": "UBL 2.1, Peppol BIS Billing 3.0.",
                            "content": {"application/xml": {"schema": {"type": "string"}, "example": _DOCUMENT}},
                        }
                    },
                    ("not_found", "invalid_request"),
                    parameters=[_NUMBER],
                )
            },
            **premium.paths(),
        },
        "components": {"schemas": schemas([UsageView, InvoicesView, *premium.STRUCTS])},
    }


def _call(
    operation_id: str,
    summary: str,
    answers: Json,
    codes: Sequence[str],
    description: str = "",
    parameters: Sequence[Json] = (),
) -> Json:
    optional = {"description": description, "parameters": list(parameters)}
    return {
        "operationId": operation_id,
        "summary": summary,
        "tags": ["invoices"],
        **{name: value for name, value in optional.items() if value},
        "responses": {**answers, **refused({code: READS[code] for code in codes})},
    }
