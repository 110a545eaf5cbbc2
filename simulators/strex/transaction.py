"""What the simulator keeps of a charge, a reversal, a message or a one-time password, and how it shows them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from simulators.strex.wire import Properties, time, to_nok

OK, FAILED, SENT, QUEUED, REVERSED, REBILLED = "Ok", "Failed", "Sent", "Queued", "Reversed", "Rebilled"


class Kind(StrEnum):
    """Which resource it is."""

    TRANSACTION = "transaction"
    MESSAGE = "message"
    REVERSAL = "reversal"
    TEXT = "text"
    """A plain text of Strex's own, such as one with a one-time password: only the daily export shows it."""


class State(msgspec.Struct, frozen=True, kw_only=True):
    """Where it is. `settled` ends a long poll; None in `billed` and `delivered` is: unknown."""

    status: str
    detailed: str
    billed: bool | None = None
    delivered: bool | None = None
    settled: bool = True


WAITING = State(status=QUEUED, detailed="None", settled=False)


class Transaction(msgspec.Struct, kw_only=True):
    """One of them. Prices are øre; `body` is what was posted, to tell a repeat from a reuse of the id. `moved`: money
    moved for it, whatever was said later.
    """

    id: str
    kind: Kind
    recipient: str
    created: datetime
    modified: datetime
    state: State
    operator: str
    body: bytes = b""
    short_number: str | None = None
    merchant_id: str | None = None
    service_code: str | None = None
    invoice_text: str | None = None
    price: int | None = None
    business_model: str | None = None
    age: int = 0
    is_restricted: bool = False
    timeout: int = 5
    content: str | None = None
    session_id: str | None = None
    correlation_id: str | None = None
    keyword_id: str | None = None
    tags: list[str] | None = None
    properties: Properties | None = None
    report_url: str | None = None
    smsc_id: str | None = None
    posts: int = 1
    moved: bool = False

    @property
    def is_open(self) -> bool:
        """Whether the user is in the middle of it."""
        return not self.state.settled

    @property
    def result(self) -> tuple[str, str]:
        """resultCode and resultDescription of the payment gateway; empty while there is none."""
        if self.state.billed is None:
            return "", ""
        return ("0", "Success") if self.state.billed else ("1", self.state.detailed)


def shown(transaction: Transaction) -> dict[str, Any]:
    """As `GET api/strex/transactions/{id}` answers."""
    return {**_common(transaction), **_payment(transaction), "shortNumber": transaction.short_number}


def shown_message(transaction: Transaction) -> dict[str, Any]:
    """As `GET api/out-messages/{id}` answers."""
    strex = _payment(transaction) if transaction.price is not None else None
    return {
        **_common(transaction),
        "sender": transaction.short_number,
        "delivered": transaction.state.delivered,
        "deliveryReportUrl": transaction.report_url,
        "operatorId": transaction.operator,
        "strex": strex,
    }


def report(transaction: Transaction) -> dict[str, Any]:
    """The delivery report of its state."""
    state = transaction.state
    return {
        "transactionId": transaction.id,
        "correlationId": transaction.correlation_id,
        "sessionId": transaction.session_id,
        "price": None if transaction.price is None else to_nok(transaction.price),
        "sender": transaction.short_number,
        "recipient": transaction.recipient,
        "operatorId": transaction.operator,
        "statusCode": state.status,
        "detailedStatusCode": state.detailed,
        "delivered": state.delivered,
        "billed": state.billed,
        "smscTransactionId": transaction.smsc_id,
        "received": time(transaction.modified.replace(second=0, microsecond=0)),
        "properties": transaction.properties or {},
    }


def _common(transaction: Transaction) -> dict[str, Any]:
    return {
        "transactionId": transaction.id,
        "recipient": transaction.recipient,
        "content": transaction.content,
        "sessionId": transaction.session_id,
        "correlationId": transaction.correlation_id,
        "keywordId": transaction.keyword_id,
        "tags": transaction.tags,
        "properties": transaction.properties,
        "statusCode": transaction.state.status,
        "detailedStatusCode": transaction.state.detailed,
        "statusDescription": transaction.state.detailed,
        "smscTransactionId": transaction.smsc_id,
        "created": time(transaction.created),
        "lastModified": time(transaction.modified),
    }


def _payment(transaction: Transaction) -> dict[str, Any]:
    code, description = transaction.result
    return {
        "merchantId": transaction.merchant_id,
        "serviceCode": transaction.service_code,
        "invoiceText": transaction.invoice_text,
        "price": None if transaction.price is None else to_nok(transaction.price),
        "businessModel": transaction.business_model,
        "age": transaction.age,
        "isRestricted": transaction.is_restricted,
        "timeout": transaction.timeout,
        "billed": transaction.state.billed,
        "resultCode": code or None,
        "resultDescription": description or None,
    }
