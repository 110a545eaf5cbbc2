"""The daily export of transactions as CSV: the columns that one importer of the real one knows, in an order of ours."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from io import StringIO
from typing import Final

import msgspec

from simulators.strex.transaction import Transaction
from simulators.strex.wire import time, to_nok

COLUMNS: Final = (
    "TransactionId",
    "Created",
    "SendTime",
    "Sender",
    "SenderPrefix",
    "Recipient",
    "RecipientPrefix",
    "Content",
    "MessageParts",
    "StatusCode",
    "DetailedStatusCode",
    "KeywordId",
    "Keyword",
    "CorrelationId",
    "SessionId",
    "SmscTransactionId",
    "Operator",
    "IsStopMessage",
    "Processed",
    "Price",
    "BusinessModel",
    "ServiceCode",
    "MerchantId",
    "ResultCode",
    "ResultDescription",
    "InvoiceText",
    "Age",
    "IsRestricted",
    "HandlingCompany",
    "HandlingCompanyDescription",
    "Tags",
    "ChannelId",
    "Properties",
)

_PREFIX: Final = "+47"


def export(transactions: Iterable[Transaction]) -> str:
    """The file: a header and a row each, quoted where needed. There is no column that says whether money moved."""
    text = StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\r\n")
    writer.writeheader()
    for transaction in transactions:
        writer.writerow(_row(transaction))
    return text.getvalue()


def _row(transaction: Transaction) -> dict[str, str]:
    code, description = transaction.result
    properties = msgspec.json.encode(transaction.properties or {}).decode()
    return {
        "TransactionId": transaction.id,
        "Created": time(transaction.created),
        "SendTime": time(transaction.created),
        "Sender": transaction.short_number or "",
        "Recipient": transaction.recipient,
        "RecipientPrefix": _PREFIX if transaction.recipient.startswith(_PREFIX) else "",
        "Content": transaction.content or "",
        "MessageParts": "1" if transaction.content else "",
        "StatusCode": transaction.state.status,
        "DetailedStatusCode": transaction.state.detailed,
        "KeywordId": transaction.keyword_id or "",
        "CorrelationId": transaction.correlation_id or "",
        "SessionId": transaction.session_id or "",
        "SmscTransactionId": transaction.smsc_id or "",
        "Operator": transaction.operator,
        "IsStopMessage": "False",
        "Price": "" if transaction.price is None else f"{to_nok(transaction.price):f}",
        "BusinessModel": transaction.business_model or "",
        "ServiceCode": transaction.service_code or "",
        "MerchantId": transaction.merchant_id or "",
        "ResultCode": code,
        "ResultDescription": description,
        "InvoiceText": transaction.invoice_text or "",
        "Age": str(transaction.age) if transaction.price is not None else "",
        "IsRestricted": str(transaction.is_restricted),
        "Tags": msgspec.json.encode(transaction.tags or []).decode(),
        "Properties": properties,
    }
