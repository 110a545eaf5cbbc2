"""The part of the public document that is the premium books': what an account may read of them, and ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from services.billing.premium.api.asking import MOST, RefundAsked
from services.billing.premium.api.problems import KINDS
from services.billing.premium.api.views import (
    BookedView,
    EntryView,
    LegView,
    RefundsView,
    StatementsView,
    TransactionsView,
    TransactionView,
)
from services.billing.premium.chart import LedgerAccount
from services.billing.premium.entry import EntryKind, Line
from services.billing.premium.payout import decide
from services.billing.premium.refund import Refund, RefundState, refund_id
from services.billing.premium.statement import OpenTotal, StatementLine, state
from services.billing.premium.transaction import Standing
from shared.contracts.openapi.pieces import Json, given, parameter, refused, taken
from shared.contracts.premium import Billed, PremiumStatus, TransactionId
from shared.ids import AccountId
from shared.money.periods import Day, Month

STRUCTS: Final = (TransactionsView, BookedView, RefundsView, RefundAsked, StatementsView)

_ID: Final = TransactionId("4f0c7d9e-52ab-8d31-9c6e-7b1f0a2e6004")
_ACCOUNT: Final = AccountId("demo")
_MONTH, _DAY = Month("2026-10"), Day("2026-10-12")
_AT: Final = datetime(2026, 10, 12, 9, 30, tzinfo=UTC)
_TRANSACTION: Final = TransactionView(
    id=_ID,
    account_id=_ACCOUNT,
    merchant_id="mer_test",
    short_number="2002",
    service_code="06002",
    price=4200,
    currency="NOK",
    standing=Standing.BILLED,
    reference="order 4711",
    charge=LegView(PremiumStatus.OK, Billed.TRUE, "Delivered", _AT, _AT),
    reversal=None,
)
_LINES: Final = (
    Line(LedgerAccount.STREX, 4200),
    Line(LedgerAccount.OPERATORS, -1680),
    Line(LedgerAccount.FEE, -210),
    Line(LedgerAccount.MERCHANT, -2310),
)
_BOOKED: Final = BookedView(
    _TRANSACTION, (EntryView(f"{_ID}:charge", EntryKind.CHARGE, _DAY, _MONTH, f"{_ID}:2", _LINES),)
)
_REFUND: Final = Refund(
    id=refund_id(_ID),
    account_id=_ACCOUNT,
    transaction_id=_ID,
    merchant_id="mer_test",
    short_number="2002",
    price=4200,
    state=RefundState.REQUESTED,
    requested_at=_AT,
    changed_at=_AT,
    user_paid_by=Day("2027-01-12"),
    by="3de7cb03be69ec9b",
    reason="upheld_complaint",
)
_STATEMENT: Final = state(
    _ACCOUNT,
    "mer_test",
    _MONTH,
    [
        StatementLine(
            own_month=_MONTH,
            kind=EntryKind.CHARGE,
            service_code="06002",
            count=10,
            gross_ore=42000,
            operators_ore=16800,
            fee_ore=2100,
            merchant_ore=23100,
        )
    ],
    vat=2500,
    left=OpenTotal(1, 4200),
    at=_AT.replace(month=11, day=2),
)
_PAYOUT: Final = decide(_ACCOUNT, _MONTH, brought_forward=0, net=_STATEMENT.net_ore, received_on=Day("2026-11-20"))
_STATEMENTS: Final = StatementsView([_STATEMENT], [_PAYOUT])
_LIMIT: Final = parameter(
    "limit", "query", "How many at most.", {"type": "integer", "minimum": 1, "maximum": MOST, "default": 50}
)
_ONE: Final = f"(?:{'|'.join(Standing)})"
_STANDINGS: Final = f"^{_ONE}(?:,{_ONE})*$"
_NAME: Final = {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,128}$"}
_REFUND_ASKED: Final[Mapping[str, Json]] = {
    "address": {
        "summary": "Everything that somebody bought by a short number on a day; or give `transaction_id` alone",
        "value": {"to": "+4799999999", "short_number": "2002", "day": _DAY, "reason": "upheld_complaint"},
    }
}


def paths() -> Json:
    """The calls. What the front door itself may refuse a call with, it adds."""
    return {
        "/v1/premium/transactions": {
            "get": _call(
                "listPremiumTransactions",
                "Charges and their reversals, newest first",
                {"200": given("A page.", TransactionsView, TransactionsView([_TRANSACTION], None))},
                ("invalid_request",),
                "`open` is not known to be billed or not; it is booked nowhere.",
                [
                    _LIMIT,
                    parameter("cursor", "query", "From the page before.", {"type": "string"}),
                    parameter(
                        "standing", "query", "One or more, with commas.", {"type": "string", "pattern": _STANDINGS}
                    ),
                ],
            )
        },
        "/v1/premium/transactions/{id}": {
            "get": _call(
                "readPremiumTransaction",
                "One transaction, and what is booked of it",
                {"200": given("Plus is debit, minus is credit; whole øre.", BookedView, _BOOKED)},
                ("not_found", "invalid_request"),
                parameters=[parameter("id", "path", "Of a charge.", _NAME)],
            )
        },
        "/v1/premium/refunds": {
            "get": _call(
                "listRefunds",
                "Refunds, newest first",
                {"200": given("Refunds.", RefundsView, RefundsView([_REFUND]))},
                ("invalid_request",),
                parameters=[_LIMIT],
            ),
            "post": {
                **_call(
                    "refund",
                    "Give a user the whole price back",
                    {
                        "201": given("At least one refund is new.", RefundsView, RefundsView([_REFUND])),
                        "200": given("They were asked for before.", RefundsView, RefundsView([_REFUND])),
                    },
                    (
                        "not_found",
                        "not_billed",
                        "outcome_open",
                        "number_forgotten",
                        "body_too_large",
                        "invalid_request",
                    ),
                    "Once per charge, however often it is asked for. The operator pays the user within three months.",
                ),
                "requestBody": taken(RefundAsked, _REFUND_ASKED),
            },
        },
        "/v1/premium/refunds/{id}": {
            "get": _call(
                "readRefund",
                "One refund",
                {"200": given("The refund.", Refund, _REFUND)},
                ("not_found", "invalid_request"),
                parameters=[parameter("id", "path", "Of a refund.", _NAME)],
            )
        },
        "/v1/statements": {
            "get": _call(
                "listStatements",
                "Statements of premium months, and the payouts they led to",
                {"200": given("The newest month first.", StatementsView, _STATEMENTS)},
                ("invalid_request",),
            )
        },
        "/v1/statements/{month}": {
            "get": _call(
                "readStatements",
                "Statements of one month",
                {"200": given("One for each merchant id.", StatementsView, _STATEMENTS)},
                ("not_found", "invalid_request", "invalid_month"),
                parameters=[
                    parameter("month", "path", "As 2026-10.", {"type": "string", "pattern": "^20[0-9]{2}-[01][0-9]$"})
                ],
            )
        },
    }


def _call(
    operation_id: str,
    summary: str,
    answers: Json,
    codes: Sequence[str],
    description: str = "",
    parameters: Sequence[Json] = (),
) -> Json:
    return {
        "operationId": operation_id,
        "summary": summary,
        "description": description,
        "tags": ["premium"],
        "parameters": list(parameters),
        "responses": {**answers, **refused({code: KINDS[code] for code in codes})},
    }
