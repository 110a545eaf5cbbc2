"""What is sent to Strex for an order, and what of its answers is read. Pure."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final

import msgspec

from shared.contracts.premium import PremiumKind, PremiumOrdered, PremiumTerms, TransactionId

TRANSACTIONS: Final = "api/strex/transactions"
PASSWORDS: Final = "api/strex/one-time-passwords"
MESSAGES: Final = "api/out-messages"
SERVER_KEYS: Final = "api/server/public-keys"

_PASSWORD_MINUTES: Final = 5
_encode: Final = msgspec.json.Encoder(decimal_format="number").encode

Utc = Annotated[datetime, msgspec.Meta(tz=True)]


class Request(msgspec.Struct, frozen=True):
    """One call. `body` is empty for none."""

    method: str
    path: str
    body: bytes = b""


class Opened(msgspec.Struct, frozen=True):
    """What was sealed in an order."""

    to: str = ""
    content: str | None = None
    code: str | None = None


class SeenPayment(msgspec.Struct, frozen=True, rename="camel"):
    """`strex` of a message."""

    billed: bool | None = None
    result_code: str | None = None


class Seen(msgspec.Struct, frozen=True, rename="camel"):
    """A transaction or a message, as far as it is read; a one-time password has none of it."""

    status_code: str = ""
    detailed_status_code: str | None = None
    billed: bool | None = None
    delivered: bool | None = None
    result_code: str | None = None
    operator_id: str | None = None
    created: Utc | None = None
    last_modified: Utc | None = None
    strex: SeenPayment | None = None


class SeenKey(msgspec.Struct, frozen=True, rename="camel"):
    """A public key of Strex."""

    public_key_string: str


class Report(msgspec.Struct, frozen=True, rename="camel"):
    """A delivery report, as far as it is read."""

    transaction_id: str
    status_code: str = ""
    detailed_status_code: str | None = None
    billed: bool | None = None


def request_of(order: PremiumOrdered, opened: Opened, report_url: str | None) -> Request:
    """The one call that carries an order out. `report_url` is where a charged reply is to be told of."""
    match order.kind:
        case PremiumKind.ONE_TIME_PASSWORD:
            return Request("POST", PASSWORDS, _encode(_password(order, opened)))
        case PremiumKind.CHARGE:
            return Request("POST", TRANSACTIONS, _encode(_charge(order, opened)))
        case PremiumKind.REPLY:
            return Request("POST", MESSAGES, _encode(_reply(order, opened, report_url)))
        case PremiumKind.REVERSAL:
            return reversing(TransactionId(order.transaction_id.removeprefix("-")))


def reversing(charge: TransactionId) -> Request:
    """The call that gives a charge back."""
    return Request("DELETE", f"{TRANSACTIONS}/{charge}")


def place_of(kind: PremiumKind, transaction_id: TransactionId) -> str:
    """The path under which Strex shows what it has of a transaction."""
    match kind:
        case PremiumKind.ONE_TIME_PASSWORD:
            return f"{PASSWORDS}/{transaction_id}"
        case PremiumKind.REPLY:
            return f"{MESSAGES}/{transaction_id}"
        case PremiumKind.CHARGE | PremiumKind.REVERSAL:
            return f"{TRANSACTIONS}/{transaction_id}"


def _password(order: PremiumOrdered, opened: Opened) -> dict[str, Any]:
    return _without_nulls(
        transactionId=order.transaction_id,
        merchantId=order.terms.merchant_id,
        recipient=opened.to,
        sender=order.terms.short_number,
        recurring=False,
        messagePrefix=opened.content,
        timeToLive=_PASSWORD_MINUTES,
    )


def _charge(order: PremiumOrdered, opened: Opened) -> dict[str, Any]:
    return _without_nulls(
        transactionId=order.transaction_id,
        shortNumber=order.terms.short_number,
        recipient=opened.to,
        content=opened.content,
        oneTimePassword=opened.code,
        deliveryMode="AtMostOnce",
        **_payment(order.terms),
    )


def _reply(order: PremiumOrdered, opened: Opened, report_url: str | None) -> dict[str, Any]:
    return _without_nulls(
        transactionId=order.transaction_id,
        sender=order.terms.short_number,
        recipient=opened.to,
        content=opened.content,
        deliveryMode="AtMostOnce",
        deliveryReportUrl=report_url,
        strex=_payment(order.terms),
    )


def _payment(terms: PremiumTerms) -> dict[str, Any]:
    return _without_nulls(
        merchantId=terms.merchant_id,
        serviceCode=terms.service_code,
        invoiceText=terms.invoice_text,
        price=Decimal(terms.price).scaleb(-2),
        businessModel=terms.business_model,
        age=terms.age,
    )


def _without_nulls(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
